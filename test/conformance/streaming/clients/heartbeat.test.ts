import { afterAll, describe, expect, it } from '@jest/globals';
import { takesEffect } from '../../../support/app/store.js';
import { describeWithChromium } from '../../../support/browsers/chromium.js';
import {
  createClientApp,
  openClientPage,
  PageClients,
  SharedBrowser,
} from '../../../support/real-clients/browser-clients.js';
import { openCurls } from '../../../support/real-clients/curl-clients.js';
import { CuttingProxy } from '../../../support/real-clients/cutting-proxy.js';
import {
  type ClientGroup,
  openEventSources,
  openParsers,
} from '../../../support/real-clients/stream-clients.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { eventually } from '../../../support/wait.js';
import { type Adapter, adapters } from '../../../support/watching.js';

const minute = 60_000;

/** Half an hour in which the task sends nothing but an event before and one after. */
async function halfAnHour(
  adapter: Adapter,
  open: (urls: readonly string[], origin: string) => Promise<readonly ClientGroup[]>,
  count: number,
): Promise<void> {
  using clock = new StoppedClock();
  // The heartbeat and the time after which a client that takes nothing is given up are as users get them.
  const [task, app] = await createClientApp(adapter);
  const proxy = await CuttingProxy.open(app.port, () => ({}));
  const puppet = await task.start(app);
  puppet.count(1);
  const paths = Array.from({ length: count }, (_, n) => `${new URL(puppet.url).pathname}?client=${n}`);
  const groups = await open(
    paths.map((path) => proxy.origin + path),
    proxy.origin,
  );
  const types = async (): Promise<string[][]> =>
    (await Promise.all(groups.map((group) => group.seen())))
      .flat()
      .map((seen) => seen.map(({ type }) => type));
  const all = (expected: readonly string[]): Promise<void> =>
    eventually(async () => expect(await types()).toEqual(paths.map(() => expected)));
  await all(['started', 'n']);
  await clock.advance(30 * minute);
  puppet.count(1);
  await all(['started', 'n', 'n']);
  expect(paths.map((path) => proxy.of(path).map(({ heartbeats }) => heartbeats))).toEqual(
    paths.map(() => [120]),
  );
  await takesEffect(async () => expect(await puppet.handle.snapshot()).toMatchObject({ watchers: count }));
  await puppet.end();
  await Promise.all(groups.map((group) => group.stopped()));
  await all(['started', 'n', 'n', 'completed']);
}

describe.each(adapters)('clients of a task that is silent for half an hour (%s)', (adapter) => {
  it('A23 eventsource, eventsource-parser and curl get 120 heartbeats and see none of them', async () => {
    const open = ([source = '', parser = '', curl = '']: readonly string[]): Promise<ClientGroup[]> =>
      Promise.all([openEventSources([source]), openParsers([parser]), openCurls([curl])]);
    await halfAnHour(adapter, open, 3);
  });
});

describeWithChromium('clients of a task that is silent for half an hour (Chromium)', (executablePath) => {
  const browser = new SharedBrowser(executablePath);
  afterAll(() => browser.close());

  it.each(adapters)(
    'A23 EventSource and fetch-event-source get 120 heartbeats and see none of them (%s)',
    async (adapter) => {
      let fetching: PageClients | undefined;
      await halfAnHour(
        adapter,
        async ([source = '', fetched = ''], origin) => {
          const page = await openClientPage(await browser.get(), origin);
          fetching = await PageClients.open(page, 'fetch-event-source', [fetched]);
          return [await PageClients.open(page, 'EventSource', [source]), fetching];
        },
        2,
      );
      // The blank line that Nest begins with, and not one more.
      expect(await fetching?.told()).toMatchObject([{ blanks: 1 }]);
    },
  );
});
