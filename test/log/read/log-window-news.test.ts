import { describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { LogWindowOptions } from '../../../lib/log/read/log-window.js';
import { eventBytes, HeldSource, Reader, settled, windowOf } from '../../support/held-log.js';

/** A window with a reader that follows live. */
async function following(events = 0, options?: LogWindowOptions) {
  const source = new HeldSource(events);
  const window = windowOf(source, options);
  const reader = new Reader(window, events);
  await settled();
  await source.answerAll();
  return { source, window, reader };
}

describe('news that come with their events', () => {
  it('are given to readers without a read, and change the state', async () => {
    const { source, window, reader } = await following(2);
    await source.tellNext();
    await source.tellNext();
    expect(reader.seqs).toEqual([3, 4]);
    expect(source.reads).toHaveLength(1);
    expect([window.lastSeq, window.record]).toEqual([4, `${source.epoch}-4`]);
  });

  it('are read where an event before them is missing', async () => {
    const { source, reader } = await following();
    source.fill(1);
    await source.tellNext();
    expect(reader.seqs).toEqual([]);
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2]);
  });

  it('change nothing where they are old', async () => {
    const { source, window, reader } = await following();
    source.fill(1);
    await source.tell();
    source.fill(1);
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2]);
    const { record } = window;
    await source.tellNext();
    expect(reader.seqs).toEqual([1, 2, 3]);
    expect(window.record).not.toBe(record);
    expect(source.reads).toHaveLength(2);
  });

  it('wait for a read that is on its way, which may know of them or not', async () => {
    const { source, window, reader } = await following();
    source.fill(1);
    await source.tell();
    const old = source.last;
    await source.tellNext();
    expect(reader.seqs).toEqual([]);
    await old.answerWith({
      firstSeq: 1,
      lastSeq: 1,
      ended: false,
      record: 'old',
      events: [eventOf(source, 1)],
    });
    expect(reader.seqs).toEqual([1, 2]);
    expect([source.reads.length, window.record]).toEqual([2, `${source.epoch}-2`]);
  });

  it('are read again where the read that was on its way fails', async () => {
    const { source, reader } = await following();
    source.fill(1);
    await source.tell();
    const old = source.last;
    await source.tellNext();
    await old.fail();
    await source.tell();
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2]);
  });

  it('are read where more come during a read than may wait', async () => {
    const pageBytes = 4 * eventBytes;
    const { source, reader } = await following(0, { bytes: 4 * pageBytes, pageBytes });
    await source.tell();
    const old = source.last;
    for (let n = 0; n < 12; n++) await source.tellNext();
    await old.answerWith({ firstSeq: 1, lastSeq: 0, ended: false, record: null, events: [] });
    await source.answerAll();
    expect(reader.seqs).toEqual(Array.from({ length: 12 }, (_seq, n) => n + 1));
  });

  it('do not hide a change without an event that was told before them', async () => {
    const { source, window, reader } = await following();
    // Both in one turn: the read that the first has asked for begins in the next.
    void source.tell();
    await source.tellNext();
    expect(reader.seqs).toEqual([1]);
    expect(source.reads).toHaveLength(2);
    await source.last.answerWith({ firstSeq: 1, lastSeq: 1, ended: false, record: 'changed', events: [] });
    expect(window.record).toBe('changed');
  });

  it('end the wait after a failure, and what was to be read is', async () => {
    const { source, window, reader } = await following();
    await source.tell();
    await source.last.fail();
    expect(source.reads).toHaveLength(2);
    await source.tellNext();
    expect(reader.seqs).toEqual([1]);
    expect(source.reads).toHaveLength(3);
    await source.last.answerWith({ firstSeq: 1, lastSeq: 1, ended: false, record: 'changed', events: [] });
    expect(window.record).toBe('changed');
  });

  it('wake readers outside of the context that they come in', async () => {
    const context = new AsyncLocalStorage<string>();
    const { source, window } = await following();
    const seen: unknown[] = [];
    window.subscribe(() => seen.push(context.getStore()));
    await context.run('of the connection', () => source.tellNext());
    expect(seen).toEqual([undefined]);
  });
});

function eventOf({ log }: HeldSource, seq: number) {
  const { type, json, timestamp } = log.at(seq)!;
  return { seq, type, json, timestamp };
}
