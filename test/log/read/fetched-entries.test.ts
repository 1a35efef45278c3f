import { describe, expect, it } from '@jest/globals';
import { FetchedEntries } from '../../../lib/log/read/fetched-entries.js';
import { LogEntry } from '../../../lib/log/log-entry.js';

const log = { epoch: 'epoch', epochLength: 5 };
const entryBytes = entry(1).bytes;
const pageBytes = 2 * entryBytes;

function entry(seq: number): LogEntry {
  return new LogEntry(log, seq, 'part', '""', 0);
}

/** Two pages in each generation. */
function create(): FetchedEntries {
  return new FetchedEntries(4 * pageBytes, pageBytes);
}

function add(fetched: FetchedEntries, seqs: readonly number[], awaited: readonly number[] = []): void {
  for (const seq of seqs) fetched.add(entry(seq), awaited.includes(seq));
}

/** Which of the first ten are kept. */
function kept(fetched: FetchedEntries): number[] {
  return [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((seq) => fetched.has(seq));
}

describe('FetchedEntries', () => {
  it('gives what was added, and knows its bytes', () => {
    const fetched = create();
    add(fetched, [2, 3]);
    expect([fetched.take(2)?.seq, fetched.take(4)]).toEqual([2, undefined]);
    expect([kept(fetched), fetched.bytes]).toEqual([[2, 3], 2 * entryBytes]);
  });

  it('keeps what is taken again, and drops the rest with its half', () => {
    const fetched = create();
    for (const page of [
      [1, 2],
      [3, 4],
    ]) {
      expect(fetched.makeRoom()).toBe(true);
      add(fetched, page);
    }
    expect(fetched.makeRoom()).toBe(true);
    expect(fetched.take(2)?.seq).toBe(2);
    expect([kept(fetched), fetched.bytes]).toEqual([[1, 2, 3, 4], 4 * entryBytes]);
    add(fetched, [5, 6]);
    // For this one there is no room beside the next page.
    expect(fetched.take(3)?.seq).toBe(3);
    expect([kept(fetched), fetched.bytes]).toEqual([[1, 2, 3, 4, 5, 6], 6 * entryBytes]);
    expect(fetched.makeRoom()).toBe(true);
    expect([kept(fetched), fetched.bytes]).toEqual([[2, 5, 6], 3 * entryBytes]);
  });

  it('drops nothing for another page that a reader waits for, until it was taken', () => {
    const fetched = create();
    add(fetched, [1, 2, 3, 4], [1, 2]);
    expect(fetched.take(1)?.seq).toBe(1);
    expect(fetched.makeRoom()).toBe(true);
    add(fetched, [5, 6, 7, 8]);
    expect([fetched.take(1)?.seq, fetched.makeRoom()]).toEqual([1, false]);
    expect(kept(fetched)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([fetched.take(2)?.seq, fetched.makeRoom()]).toEqual([2, true]);
    expect(kept(fetched)).toEqual([5, 6, 7, 8]);
  });

  it('may be told to drop what readers wait for, too', () => {
    const fetched = create();
    add(fetched, [1, 2, 3, 4], [1]);
    fetched.dropOlder();
    add(fetched, [5, 6, 7, 8]);
    expect(fetched.makeRoom()).toBe(false);
    fetched.dropOlder();
    expect([kept(fetched), fetched.makeRoom()]).toEqual([[5, 6, 7, 8], true]);
  });
});
