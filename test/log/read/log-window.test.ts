import { describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type HeldRead, eventBytes, HeldSource, Reader, settled, windowOf } from '../../support/held-log.js';
import { pageOf } from '../../support/remote-log.js';
import { StoppedClock } from '../../support/stopped-clock.js';

describe('LogWindow', () => {
  it('knows the log by its state before an event of it is here', () => {
    const source = new HeldSource(5, 3);
    source.log.end('completed', '{}');
    const window = windowOf(source);
    const { firstSeq, lastSeq, ended, bytes, epoch, record } = window;
    expect({ firstSeq, lastSeq, ended, bytes, epoch, record }).toEqual({
      firstSeq: 4,
      lastSeq: 6,
      ended: true,
      bytes: 0,
      epoch: source.epoch,
      record: `${source.epoch}-6`,
    });
    expect(window.at(4)).toBeUndefined();
  });

  it('an event that is not here is fetched with what follows it, and wakes those who wait', async () => {
    const source = new HeldSource(4);
    const window = windowOf(source);
    const reader = new Reader(window);
    expect(reader.seqs).toEqual([]);
    await settled();
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2, 3, 4]);
    expect(source.froms).toEqual([5, 1]);
    const [kept, fetched] = [source.log.at(3)!, window.at(3)!];
    expect(fetched.framed.toString()).toBe(kept.framed.toString());
    expect(fetched.toEvent()).toEqual(kept.toEvent());
    expect(window.bytes).toBe(source.log.bytes);
  });

  it('gives no event that was trimmed or does not exist, and does not ask for it', async () => {
    const source = new HeldSource(10, 3);
    const window = windowOf(source);
    window.subscribe(() => {});
    expect([0, 7, 11, 12].map((seq) => window.at(seq))).toEqual([undefined, undefined, undefined, undefined]);
    await settled();
    await source.answerAll();
    expect(source.froms).toEqual([11]);
  });

  it('reads nothing, and does not listen, while nobody watches', async () => {
    const source = new HeldSource(4);
    const window = windowOf(source);
    expect(window.at(1)).toBeUndefined();
    await settled();
    expect([source.reads.length, source.listeners]).toEqual([0, 0]);
    const readers = [new Reader(window), new Reader(window)];
    await settled();
    await source.answerAll();
    expect(source.listeners).toBe(1);
    readers[0]!.leave();
    expect([source.listeners, window.bytes]).toEqual([1, source.log.bytes]);
    readers[1]!.leave();
    expect([source.listeners, window.bytes]).toEqual([0, 0]);
    source.fill(1);
    await source.tell();
    expect(source.reads).toHaveLength(2);
  });

  it('leaves no timer behind, and drops in time what others fetch later', async () => {
    using clock = new StoppedClock();
    const source = new HeldSource(4);
    const window = windowOf(source);
    for (let n = 0; n < 2; n++) {
      const reader = new Reader(window);
      await clock.advance(0);
      await source.answerAll();
      expect([window.bytes, clock.pending.length]).toEqual([source.log.bytes, 1]);
      reader.leave();
      expect(clock.pending).toEqual([]);
    }
    window.subscribe(() => {});
    window.at(1);
    await clock.advance(0);
    await source.answerAll();
    await clock.advance(499);
    expect(window.bytes).toBeGreaterThan(0);
    await clock.advance(501);
    expect(window.bytes).toBe(0);
  });

  it('listens before it reads what came since it was made', async () => {
    const source = new HeldSource(1);
    const window = windowOf(source);
    source.fill(1);
    source.onListen = () => source.fill(1);
    const reader = new Reader(window, 1);
    await settled();
    await source.answerAll();
    expect(reader.seqs).toEqual([2, 3]);
    expect(window.record).toBe(`${source.epoch}-3`);
  });

  it('those who watch from the first event on are woken once it is read, though nothing was written since', async () => {
    const source = new HeldSource(0);
    const reader = new Reader(windowOf(source));
    await settled();
    await source.answerAll();
    expect(reader.wakes).toBe(1);
  });

  it('what was written while it read is read after that, in one read', async () => {
    const source = new HeldSource(0);
    const reader = new Reader(windowOf(source));
    await settled();
    source.fill(1);
    const { last } = source;
    const page = pageOf(source.log, 1);
    source.fill(2);
    for (let n = 0; n < 3; n++) await source.tell();
    expect(source.reads).toHaveLength(1);
    await last.answerWith(page);
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2, 3]);
    expect(source.froms).toEqual([1, 2]);
  });

  it('many that stand at one place cost one read for each page', async () => {
    const source = new HeldSource(100);
    const window = windowOf(source, { pageBytes: 10 * eventBytes });
    const readers = Array.from({ length: 50 }, () => new Reader(window));
    await settled();
    await source.answerAll();
    for (const { seqs } of readers) expect(seqs).toHaveLength(100);
    expect(source.froms).toEqual([101, 1, 11, 21, 31, 41, 51, 61, 71, 81, 91]);
  });

  it('those at different places take turns, those who follow live among them', async () => {
    const source = new HeldSource(100);
    const window = windowOf(source, { pageBytes: 10 * eventBytes });
    const readers = [new Reader(window, 100), new Reader(window, 70), new Reader(window, 40)];
    await settled();
    for (let index = 0; index < 8; index++) {
      source.fill(1);
      await source.tell();
      await source.reads[index]!.answer();
    }
    expect(source.froms.slice(0, 8)).toEqual([101, 71, 41, 102, 81, 51, 105, 91]);
    await source.answerAll();
    for (const reader of readers) expect(reader.seqs.at(-1)).toBe(108);
  });

  it('keeps no more than its bound; what is asked for again stays longest', async () => {
    const source = new HeldSource(100);
    const bytes = 80 * eventBytes;
    const window = windowOf(source, { bytes, pageBytes: 10 * eventBytes });
    window.subscribe(() => {});
    await settled();
    await source.answerAll();
    for (let seq = 1; seq <= 100; seq++) {
      window.at(1);
      if (window.at(seq)) continue;
      await settled();
      await source.last.answer();
      expect(window.at(seq)?.seq).toBe(seq);
      expect(window.bytes).toBeLessThanOrEqual(bytes);
    }
    expect(window.bytes).toBeGreaterThan(bytes / 2);
    expect(window.at(1)?.seq).toBe(1);
    expect(window.at(31)).toBeUndefined();
    expect(source.reads).toHaveLength(11);
  });

  it('takes no more of a page than it asked for, but always one event', async () => {
    const source = new HeldSource(3);
    const window = windowOf(source, { bytes: 400, pageBytes: 150 });
    const reader = new Reader(window);
    await settled();
    await source.last.answerWith(pageOf(source.log, 1));
    expect([reader.seqs, window.bytes]).toEqual([[1], eventBytes]);
    source.log.append('large', `"${'x'.repeat(1_000)}"`);
    await source.answerAll();
    await source.tell();
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2, 3, 4]);
  });

  it('what two pages have in common is kept once', async () => {
    const source = new HeldSource(10);
    const window = windowOf(source, { pageBytes: 5 * eventBytes });
    window.subscribe(() => {});
    await settled();
    await source.answerAll();
    window.at(4);
    await settled();
    await source.last.answer();
    const shared = window.at(5);
    window.at(1);
    await settled();
    await source.last.answer();
    expect(source.froms).toEqual([11, 4, 1]);
    expect(window.bytes).toBe(8 * eventBytes);
    expect(window.at(5)).toBe(shared);
  });

  it('what came for a reader waits for it: others are read for only where there is room', async () => {
    const source = new HeldSource(100);
    const window = windowOf(source, { bytes: 20 * eventBytes, pageBytes: 10 * eventBytes });
    window.subscribe(() => {});
    await settled();
    await source.answerAll();
    const places = [1, 21, 41, 61];
    for (const seq of places) window.at(seq);
    await settled();
    await source.answerAll();
    expect(source.froms).toEqual([101, 1, 21]);
    expect(window.at(1)?.seq).toBe(1);
    await settled();
    await source.answerAll();
    expect(source.froms).toEqual([101, 1, 21, 41]);
    expect([window.at(21)?.seq, window.at(41)?.seq]).toEqual([21, 41]);
  });

  it('is not held up for long by a reader that does not come for what it asked for', async () => {
    const source = new HeldSource(100);
    const bytes = 20 * eventBytes;
    const window = windowOf(source, { bytes, pageBytes: 10 * eventBytes });
    window.subscribe(() => {});
    await settled();
    await source.answerAll();
    for (const seq of [1, 21, 41, 61]) window.at(seq);
    await settled();
    await source.answerAll();
    expect(source.froms).toEqual([101, 1, 21]);
    for (const [index, from] of [41, 61].entries()) {
      for (let turn = 0; turn < 60; turn++) await nextTurn();
      await source.reads[3 + index]!.answer();
      expect([source.last.from, source.reads.length]).toEqual([from, 4 + index]);
      expect(window.bytes).toBeLessThanOrEqual(bytes);
    }
  });

  it('what is trimmed before it has come is a gap', async () => {
    const source = new HeldSource(5, 5);
    const window = windowOf(source);
    const reader = new Reader(window);
    await settled();
    await source.last.answer();
    source.fill(7);
    await source.answerAll();
    expect([reader.gaps, reader.seqs]).toEqual([[7], [8, 9, 10, 11, 12]]);
    expect(source.froms).toEqual([6, 1]);
  });

  it('does not read for those who wait for what was trimmed meanwhile', async () => {
    const source = new HeldSource(5, 5);
    const window = windowOf(source);
    window.subscribe(() => {});
    for (const seq of [1, 2, 3]) window.at(seq);
    await settled();
    source.fill(7);
    await source.answerAll();
    expect(source.froms).toEqual([6]);
  });

  it('aborts its read when the last one leaves; what comes of it is nothing to those who come later', async () => {
    const source = new HeldSource(3);
    const window = windowOf(source);
    const readers = [new Reader(window), new Reader(window)];
    await settled();
    const [first] = source.reads as [HeldRead];
    readers[0]!.leave();
    expect(first.signal.aborted).toBe(false);
    readers[1]!.leave();
    expect(first.signal.aborted).toBe(true);
    const late = new Reader(window);
    await settled();
    expect(source.reads).toHaveLength(2);
    source.fill(1);
    await first.answer();
    expect([window.lastSeq, late.seqs, source.reads.length]).toEqual([3, [], 2]);
    late.leave();
    await source.last.fail();
    const last = new Reader(window);
    await settled();
    await source.answerAll();
    expect(last.seqs).toEqual([1, 2, 3, 4]);
  });

  it('one that leaves when it is woken may be the last', async () => {
    const source = new HeldSource(1);
    const window = windowOf(source);
    const subscription = window.subscribe(() => subscription.unsubscribe());
    await settled();
    await source.answerAll();
    expect([source.listeners, window.bytes, source.reads.length]).toEqual([0, 0, 1]);
  });

  it('takes what is known of the log from elsewhere, unless that is older', async () => {
    const source = new HeldSource(3, 3);
    const window = windowOf(source);
    const older = pageOf(source.log, 4);
    const reader = new Reader(window);
    source.fill(2);
    window.update(pageOf(source.log, 6));
    expect([window.firstSeq, window.lastSeq, window.record]).toEqual([3, 5, `${source.epoch}-5`]);
    expect(reader.gaps).toEqual([2]);
    window.update(older);
    expect([window.firstSeq, window.lastSeq, window.record]).toEqual([3, 5, `${source.epoch}-5`]);
    const running = pageOf(source.log, 6);
    window.update({ ...running, ended: true });
    window.update(running);
    expect([window.ended, source.listeners]).toEqual([true, 0]);
    await settled();
    await source.answerAll();
    expect(reader.seqs).toEqual([3, 4, 5]);
  });

  it('reads and listens in no watcher’s async context', async () => {
    const storage = new AsyncLocalStorage<string>();
    const source = new HeldSource(3);
    const stores: unknown[] = [];
    source.onListen = source.onRead = () => stores.push(storage.getStore());
    storage.run('watcher', () => {
      const reader = new Reader(windowOf(source));
      expect(reader.seqs).toEqual([]);
    });
    await settled();
    await source.answerAll();
    await storage.run('publisher', () => source.tell());
    expect(stores).toEqual([undefined, undefined, undefined, undefined]);
  });
});
