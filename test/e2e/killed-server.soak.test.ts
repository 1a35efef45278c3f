import { afterAll, describe, expect, test } from '@jest/globals';
import { QuickStart } from '../sample/quick-start.js';
import { closeLater } from '../support/clients/open-clients.js';
import { describeWithChromium } from '../support/browsers/chromium.js';
import { PageClients, SharedBrowser } from '../support/real-clients/browser-clients.js';
import { openCurls } from '../support/real-clients/curl-clients.js';
import {
  type ClientGroup,
  openEventSources,
  openParsers,
  type Seen,
} from '../support/real-clients/stream-clients.js';
import { eventually } from '../support/wait.js';

/** The countdown that each process starts by itself. */
const path = '/stream/app/CountdownTask/hello';

/** A process is killed, and the next one on its port runs the task anew: each client sees both runs, each event once. */
async function outliveAKill(open: (url: string) => Promise<ClientGroup[]>): Promise<void> {
  await using first = await QuickStart.start();
  const { port, url } = first;
  const groups = await open(url + path);
  const seen = async (): Promise<(readonly Seen[])[]> =>
    (await Promise.all(groups.map((group) => group.seen()))).flat();
  await eventually(
    async () => {
      for (const events of await seen()) expect(events.length).toBeGreaterThanOrEqual(3);
    },
    { timeout: 10_000 },
  );
  expect(await first.stop('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
  await using second = await QuickStart.start(port);
  await eventually(
    async () => {
      for (const events of await seen()) expect(events.map(({ type }) => type)).toContain('gap');
    },
    { timeout: 20_000 },
  );
  expect((await second.request('DELETE', path)).status).toBe(202);
  await Promise.all(groups.map((group) => group.stopped()));
  await using whole = await second.watch(path);
  await whole.ended;
  const expected = whole.events.map(({ id, type, raw }) => ({ id, type, data: raw }));
  for (const events of await seen()) {
    const gap = events.findIndex(({ type }) => type === 'gap');
    const before = events.slice(0, gap);
    expect(before.map(({ id }) => id.replace(/^.*-/, ''))).toEqual(before.map((_, index) => `${index + 1}`));
    expect(JSON.parse(events[gap]?.data ?? '')).toMatchObject({ cause: 'restarted', missed: null });
    expect(events.slice(gap + 1)).toEqual(expected);
  }
  expect(expected.at(-1)?.type).toBe('cancelled');
}

describe('a process that is killed', () => {
  test('eventsource, eventsource-parser and curl see the run that broke off and the one after it', async () => {
    await outliveAKill((url) => Promise.all([openEventSources([url]), openParsers([url]), openCurls([url])]));
  });
});

describeWithChromium('a process that is killed (Chromium)', (executablePath) => {
  const browser = new SharedBrowser(executablePath);
  afterAll(() => browser.close());

  test('an EventSource sees the run that broke off and the one after it', async () => {
    await outliveAKill(async (url) => {
      const page = await (await browser.get()).newPage();
      closeLater(() => page.close());
      await page.goto(new URL('/stream', url).href);
      return [await PageClients.open(page, 'EventSource', [url])];
    });
  });
});
