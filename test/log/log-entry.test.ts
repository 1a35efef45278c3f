import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { contentOf } from '../../lib/log/wire/event-chunk.js';
import { formatFrame } from '../../lib/log/wire/event-frame.js';
import { LogEntry } from '../../lib/log/log-entry.js';
import { toJson } from '../../lib/task/json/json.js';

describe('LogEntry', () => {
  const values = fc.jsonValue({ stringUnit: 'binary' });
  const log = { epoch: 'abcdefghijkl', epochLength: 12 };
  const seqs = fc.integer({ min: 1, max: 1_000_000 });

  it('reads the same before it is encoded and after', () => {
    fc.assert(
      fc.property(values, seqs, (value, seq) => {
        const json = toJson(value);
        const entry = new LogEntry(log, seq, 'update', json, 1_000);
        const before = [entry.json, entry.toEvent()];
        expect(contentOf(entry).toString()).toBe(formatFrame('update', json, entry.id));
        expect([entry.json, entry.toEvent()]).toEqual(before);
        expect(entry.json).toBe(json);
      }),
    );
  });

  it('has the time that it was given, whatever the clock says', () => {
    const entry = new LogEntry(log, 1, 'update', 'null', 1_000);
    expect(entry.toEvent()).toEqual({ id: 'abcdefghijkl-1', type: 'update', data: null, timestamp: 1_000 });
  });

  it('is encoded once', () => {
    const entry = new LogEntry(log, 1, 'update', '{"n":1}', 1_000);
    expect(entry.framed).toBe(entry.framed);
  });
});
