import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { contentOf } from '../../lib/log/event-chunk.js';
import { formatFrame } from '../../lib/log/event-frame.js';
import { LogEntry } from '../../lib/log/log-entry.js';
import { toJson } from '../../lib/task/json.js';

describe('LogEntry', () => {
  const values = fc.jsonValue({ stringUnit: 'binary' });
  const seqs = fc.integer({ min: 1, max: 1_000_000 });

  it('reads the same before it is encoded and after', () => {
    fc.assert(
      fc.property(values, seqs, (value, seq) => {
        const json = toJson(value);
        const entry = new LogEntry('abcdefghijkl', seq, 'update', json);
        const before = [entry.json, entry.toEvent()];
        expect(contentOf(entry).toString()).toBe(formatFrame('update', json, entry.id));
        expect([entry.json, entry.toEvent()]).toEqual(before);
        expect(entry.json).toBe(json);
      }),
    );
  });

  it('is encoded once', () => {
    const entry = new LogEntry('abcdefghijkl', 1, 'update', '{"n":1}');
    expect(entry.framed).toBe(entry.framed);
  });
});
