import { afterAll, describe, expect, it } from '@jest/globals';
import { describeWithChromium } from '../../../support/browsers/chromium.js';
import { SharedBrowser } from '../../../support/real-clients/browser-clients.js';
import {
  alternating,
  type CutOptions,
  cutEverywhere,
  unlucky,
  whole,
} from '../../../support/real-clients/cut-everywhere.js';
import { type Adapter, adapters } from '../../../support/watching.js';

const patience = 120_000;

describeWithChromium('clients whose connection is cut behind each byte (Chromium)', (executablePath) => {
  const browser = new SharedBrowser(executablePath);
  afterAll(() => browser.close());

  /** Over plain HTTP Chromium takes a head that ends in a FIN for a whole one, and so for no stream. */
  const howOf =
    (adapter: Adapter): CutOptions['how'] =>
    (at, part) =>
      part === 'head' ? 'reset' : alternating(adapter, at);

  describe.each(adapters)('%s', (adapter) => {
    const how = howOf(adapter);

    it.each(['EventSource', 'fetch-event-source'] as const)(
      'S9 %s comes back and sees each event once',
      async (kind) => {
        const open = browser.clients(kind);
        const fared = await cutEverywhere({ adapter, how, open, parallel: 48, gap: false });
        expect(unlucky(fared, whole)).toEqual([]);
        // Chromium may drop what it has read when the connection breaks, but takes nothing for more than it is.
        const ahead = fared.filter(({ position = '', expected = '' }) => position > expected);
        expect(ahead).toEqual([]);
        expect(fared.filter(({ position, expected }) => position === expected).length).toBeGreaterThan(
          fared.length * 0.9,
        );
      },
      patience,
    );
  });

  it(
    'S9 fetch-event-source left to its own id misses an event when it is cut behind its id line, and nowhere else',
    async () => {
      const open = browser.clients('fetch-event-source', { ownId: false });
      // By a FIN: of what a reset follows, Chromium may drop the line before it is read.
      const how = () => 'fin' as const;
      const fared = await cutEverywhere({
        adapter: 'express',
        how,
        open,
        parallel: 48,
        gap: false,
        head: false,
      });
      const missed = unlucky(fared, whole);
      expect(missed.length).toBeGreaterThan(0);
      for (const { tail, seen } of missed) {
        const seq = Number(/\nid: [a-z0-9]+-([0-9]+)\n$/.exec(tail)?.[1]);
        expect(seen).toEqual(whole.filter((_, index) => index !== seq - 1));
      }
    },
    patience,
  );
});
