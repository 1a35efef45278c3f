import { afterAll, describe, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import type { Page } from 'playwright-core';
import { describeWithChromium } from '../../../support/browsers/chromium.js';
import {
  createClientApp,
  openClientPage,
  PageClients,
  SharedBrowser,
} from '../../../support/real-clients/browser-clients.js';
import { eventually } from '../../../support/wait.js';
import { adapters, epochOf, type Puppet, range } from '../../../support/watching.js';

interface PageDocument {
  dispatchEvent(event: Event): unknown;
}

/** What a page is told when its tab goes to the background or comes back; a headless browser has no background. */
function setHidden(page: Page, hidden: boolean): Promise<void> {
  return page.evaluate((isHidden) => {
    const { document } = globalThis as unknown as { document: PageDocument };
    Object.defineProperties(document, {
      hidden: { configurable: true, value: isHidden },
      visibilityState: { configurable: true, value: isHidden ? 'hidden' : 'visible' },
    });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

describeWithChromium('fetch-event-source in a page that is hidden (Chromium)', (executablePath) => {
  const browser = new SharedBrowser(executablePath);
  afterAll(() => browser.close());

  describe.each(adapters)('%s', (adapter) => {
    describe.each([
      { name: 'with the id of its last event', ownId: true },
      { name: 'with the last id it read', ownId: false },
    ])('$name', ({ ownId }) => {
      interface Scene {
        readonly puppet: Puppet;
        readonly page: Page;
        /** What each request for the stream brought. */
        readonly asked: unknown[];
        numbers(): Promise<number[]>;
        readonly clients: PageClients;
      }

      async function begin(): Promise<Scene> {
        const [task, app] = await createClientApp(adapter);
        const asked: unknown[] = [];
        (app.app.getHttpServer() as Server).on('request', ({ url = '', headers }) => {
          if (url.startsWith('/stream/')) asked.push(headers['last-event-id'] ?? '');
        });
        const puppet = await task.start(app);
        const page = await openClientPage(await browser.get(), app.origin);
        const how = { ownId, openWhenHidden: false };
        const clients = await PageClients.open(page, 'fetch-event-source', [puppet.url], how);
        const numbers = async (): Promise<number[]> => {
          const [seen = []] = await clients.seen();
          return seen.filter(({ type }) => type === 'n').map(({ data }) => Number(data));
        };
        return { puppet, page, asked, numbers, clients };
      }

      it('S9 closes when it is hidden, and goes on where it was when it is visible', async () => {
        const { puppet, page, asked, numbers, clients } = await begin();
        puppet.count(3);
        await eventually(async () => expect(await numbers()).toEqual(range(1, 3)));
        await setHidden(page, true);
        await eventually(async () => expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 0 }));
        puppet.count(3);
        await setHidden(page, false);
        await eventually(async () => expect(await numbers()).toEqual(range(1, 6)));
        expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 1 });
        await puppet.end();
        await clients.stopped();
        const [seen = []] = await clients.seen();
        expect(seen.map(({ type }) => type)).toEqual(['started', ...Array<string>(6).fill('n'), 'completed']);
        expect(asked).toEqual(['', `${epochOf(seen[0] ?? { id: '' })}-4`]);
      });

      it('S9 hidden again and again in the middle of events, it sees each once', async () => {
        const { puppet, page, asked, numbers, clients } = await begin();
        for (let round = 0; round < 20; round++) {
          puppet.count(5);
          await setHidden(page, true);
          puppet.count(5);
          // Sometimes at once, sometimes when it has something new.
          const before = await numbers();
          await setHidden(page, false);
          puppet.count(5);
          if (round % 2 === 0) {
            await eventually(async () => expect((await numbers()).length).toBeGreaterThan(before.length));
          }
        }
        await puppet.end();
        await clients.stopped();
        expect(await numbers()).toEqual(range(1, 300));
        expect(asked.length).toBeGreaterThan(10);
      });
    });
  });
});
