import { describe, expect, it } from '@jest/globals';
import {
  alternating,
  cutEverywhere,
  unlucky,
  withGap,
} from '../../../support/real-clients/cut-everywhere.js';
import { openManyCurls } from '../../../support/real-clients/curl-clients.js';
import { openEventSources, openParsers } from '../../../support/real-clients/stream-clients.js';
import { adapters } from '../../../support/watching.js';

describe.each(adapters)('clients whose connection is cut behind each byte (%s)', (adapter) => {
  it.each([
    { name: 'eventsource', open: openEventSources },
    { name: 'eventsource-parser', open: openParsers },
    { name: 'curl', open: openManyCurls },
  ])(
    'S9 $name comes back and sees each event once',
    async ({ open }) => {
      const how = (at: number): 'reset' | 'fin' => alternating(adapter, at);
      const fared = await cutEverywhere({ adapter, how, open, parallel: 100 });
      expect(unlucky(fared, withGap)).toEqual([]);
      // Each cut was where it should be: what was whole is not asked for again.
      expect(fared.filter(({ position, expected }) => position !== expected)).toEqual([]);
    },
    120_000,
  );
});
