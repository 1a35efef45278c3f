import { describe, expect, it } from '@jest/globals';
import { eventBytes, HeldSource, Reader, settled, windowOf } from '../../support/held-log.js';
import { LogCursor } from '../../../lib/log/read/log-cursor.js';
import { pageOf } from '../../support/remote-log.js';
describe('the end of a LogWindow', () => {
  it('has ended when the last event is known, and then listens no more', async () => {
    const source = new HeldSource(1);
    const window = windowOf(source, { pageBytes: eventBytes });
    const reader = new Reader(window);
    await settled();
    source.log.end('completed', '{}');
    expect([window.ended, source.listeners]).toEqual([false, 1]);
    await source.reads[0]!.answer();
    expect([window.ended, window.lastSeq, source.listeners]).toEqual([true, 2, 0]);
    expect(reader.cursor.done).toBe(false);
    await source.answerAll();
    expect([reader.seqs, reader.cursor.done]).toEqual([[1, 2], true]);
    reader.leave();
    const late = new Reader(window);
    await settled();
    await source.answerAll();
    expect([late.seqs, source.listeners]).toEqual([[1, 2], 0]);
  });

  it('a log that is gone before its end has ended, and all are told where they stand', async () => {
    const source = new HeldSource(5);
    const window = windowOf(source);
    const readers = [0, 3, 5].map((after) => new Reader(window, after));
    await settled();
    await source.last.answerWith(undefined);
    expect(window.isGone).toBe(true);
    expect(readers.map(({ gaps, seqs, cursor }) => [gaps, seqs, cursor.done])).toEqual(
      readers.map(() => [[null], [], true]),
    );
    for (const after of [0, 3, 5]) {
      const cursor = new LogCursor(window, { after });
      expect([cursor.hasNext, cursor.done, cursor.position]).toEqual([true, false, undefined]);
      const id = `${source.epoch}-${after}`;
      expect(cursor.next()).toEqual({ cause: 'unknown-id', missed: null, id, isGone: true });
      expect([cursor.hasNext, cursor.done, cursor.after, cursor.next()]).toEqual([
        false,
        true,
        after,
        undefined,
      ]);
    }
    expect(source.listeners).toBe(0);
    expect(source.reads).toHaveLength(1);
    window.update(pageOf(source.log, 1));
    expect([window.isGone, window.ended]).toEqual([true, true]);
  });

  it('a log whose place another run has taken is told from one that is lost', async () => {
    const source = new HeldSource(5);
    const window = windowOf(source);
    const reader = new Reader(window, 3);
    await settled();
    await source.last.answerWith('replaced');
    expect([window.isGone, window.isReplaced, reader.cursor.done]).toEqual([true, true, true]);
    const cursor = new LogCursor(window, { after: 3 });
    const id = `${source.epoch}-3`;
    expect(cursor.next()).toEqual({ cause: 'restarted', missed: null, id, isGone: true });
  });

  it('a log whose time is over after its end tells how much was missed', async () => {
    const source = new HeldSource(4);
    source.log.end('completed', '{}');
    const window = windowOf(source);
    const readers = [new Reader(window), new Reader(window, 5)];
    await settled();
    await source.last.answerWith(undefined);
    expect(window.isGone).toBe(false);
    expect(readers.map(({ gaps, seqs, cursor }) => [gaps, seqs, cursor.done])).toEqual([
      [[5], [], true],
      [[], [], true],
    ]);
  });
});
