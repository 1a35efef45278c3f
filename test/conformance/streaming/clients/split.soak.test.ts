import { afterAll, describe, expect, it } from '@jest/globals';
import { describeWithChromium } from '../../../support/browsers/chromium.js';
import { SharedBrowser } from '../../../support/real-clients/browser-clients.js';
import { openCurls } from '../../../support/real-clients/curl-clients.js';
import { brief, Stage, withGap } from '../../../support/real-clients/cut-everywhere.js';
import type { Delivery } from '../../../support/real-clients/cutting-proxy.js';
import {
  openEventSources,
  openParsers,
  type OpenClients,
} from '../../../support/real-clients/stream-clients.js';
import { type Adapter, adapters } from '../../../support/watching.js';
import { atLineEnds, byteByByte } from './splits.js';

const ways: Readonly<Record<string, Delivery>> = {
  whole: {},
  bytes: { split: byteByByte },
  lines: { split: atLineEnds },
};

/** Three clients of one task, each of which gets the same bytes in another way. */
async function splitFor(adapter: Adapter, open: OpenClients): Promise<void> {
  const deliveryOf = (path: string): Delivery => ways[/&split=([a-z]+)$/.exec(path)?.[1] ?? ''] ?? {};
  await Stage.open(adapter, deliveryOf, async (stage) => {
    const names = Object.keys(ways);
    const { clients, paths } = await stage.play(
      open,
      names.map((name) => `lastEventId=zzzzzzzz-9&split=${name}`),
    );
    const [whole = [], ...split] = await clients.seen();
    expect(whole.map(brief)).toEqual(withGap);
    // The gap has the task as it stood for each of them.
    for (const seen of split) expect(seen.slice(1)).toEqual(whole.slice(1));
    for (const seen of split) expect({ ...seen[0], data: '' }).toEqual({ ...whole[0], data: '' });
    expect(split.map((seen) => seen.map(brief))).toEqual([withGap, withGap]);
    for (const path of paths) expect(stage.proxy.of(path)[0]).toMatchObject({ heartbeats: 2 });
  });
}

describe.each(adapters)('the same bytes, split on their way (%s)', (adapter) => {
  it.each([
    { name: 'eventsource', open: openEventSources },
    { name: 'eventsource-parser', open: openParsers },
    { name: 'curl', open: openCurls },
  ])(
    'S62 whole, byte by byte and split at every CR and LF give the same events in $name',
    async ({ open }) => {
      await splitFor(adapter, open);
    },
  );
});

describeWithChromium('the same bytes, split on their way (Chromium)', (executablePath) => {
  const browser = new SharedBrowser(executablePath);
  afterAll(() => browser.close());

  describe.each(adapters)('%s', (adapter) => {
    it.each(['EventSource', 'fetch-event-source'] as const)(
      'S62 whole, byte by byte and split at every CR and LF give the same events in %s',
      async (kind) => {
        await splitFor(adapter, browser.clients(kind));
      },
    );
  });
});
