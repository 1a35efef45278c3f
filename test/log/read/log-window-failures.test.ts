import { describe, expect, it } from '@jest/globals';
import type { LogPage } from '../../../lib/log/read/log-source.js';
import { type HeldRead, HeldSource, Reader, settled, windowOf } from '../../support/held-log.js';
import { pageOf } from '../../support/remote-log.js';
import { StoppedClock } from '../../support/stopped-clock.js';

describe('a LogWindow whose source fails', () => {
  it('tries again after a failure, each time later, and at most a second later', async () => {
    using clock = new StoppedClock();
    const source = new HeldSource(3);
    const reader = new Reader(windowOf(source));
    await clock.advance(0);
    const times: number[] = [];
    source.onRead = () => times.push(clock.now());
    for (let n = 0; n < 8; n++) {
      await source.last.fail();
      await clock.fireNext();
    }
    expect(times).toEqual([50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550]);
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2, 3]);
    source.fill(1);
    await source.tell();
    await source.last.fail();
    await clock.advance(50);
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2, 3, 4]);
  });

  it('tries again at once when there are news: the connection may be back', async () => {
    using clock = new StoppedClock();
    const source = new HeldSource(3);
    const reader = new Reader(windowOf(source));
    await clock.advance(0);
    await source.last.fail();
    await source.tell();
    expect([source.reads.length, clock.pending]).toEqual([2, []]);
    await source.answerAll();
    expect([reader.seqs, clock.now()]).toEqual([[1, 2, 3], 0]);
  });

  it('news of before a failure are read for after it', async () => {
    using clock = new StoppedClock();
    const source = new HeldSource(3);
    const window = windowOf(source);
    const reader = new Reader(window, 3);
    await clock.advance(0);
    await source.answerAll();
    source.fill(1);
    await source.tell();
    await source.last.fail();
    await clock.advance(50);
    await source.answerAll();
    expect(reader.seqs).toEqual([4]);
  });

  it('a source that throws has failed as well', async () => {
    using clock = new StoppedClock();
    const source = new HeldSource(1);
    source.onRead = () => {
      source.onRead = () => {};
      throw new Error('no connection');
    };
    const reader = new Reader(windowOf(source));
    await clock.advance(50);
    await source.answerAll();
    expect(reader.seqs).toEqual([1]);
  });

  it.each<[string, number, (page: LogPage<string | null>) => LogPage<string | null>]>([
    ['is empty', 1, (page) => ({ ...page, events: [] })],
    ['begins later', 3, (page) => ({ ...page, events: page.events.slice(1) })],
  ])('a page that %s where there is an event is a failure', async (_what, count, change) => {
    using clock = new StoppedClock();
    const source = new HeldSource(count);
    const reader = new Reader(windowOf(source));
    await clock.advance(0);
    await source.reads[0]!.answer();
    const [, second] = source.reads as [HeldRead, HeldRead];
    await second.answerWith(change(pageOf(source.log, 1)));
    expect([source.froms, reader.seqs]).toEqual([[count + 1, 1], []]);
    await clock.advance(50);
    await source.last.answer();
    expect([source.froms, reader.seqs]).toEqual([[count + 1, 1, 1], [1, 2, 3].slice(0, count)]);
  });

  it('stops trying when nobody watches any more', async () => {
    using clock = new StoppedClock();
    const source = new HeldSource(3);
    const window = windowOf(source);
    const reader = new Reader(window);
    await clock.advance(0);
    await source.last.fail();
    reader.leave();
    expect(clock.pending).toEqual([]);
    await clock.advance(60_000);
    expect(source.reads).toHaveLength(1);
    const other = new Reader(window);
    await clock.advance(0);
    await source.last.fail();
    await clock.advance(50);
    await source.answerAll();
    expect(other.seqs).toEqual([1, 2, 3]);
  });

  it('waits before it asks again where a page does not know yet what it asks for', async () => {
    using clock = new StoppedClock();
    const source = new HeldSource(3);
    const behind = pageOf(source.log, 4);
    source.fill(1);
    const window = windowOf(source);
    const reader = new Reader(window);
    await settled();
    await source.answerAll();
    source.fill(1);
    window.update(pageOf(source.log, 6));
    await settled();
    const reads = source.reads.length;
    await source.last.answerWith({ ...behind, events: [] });
    expect(source.reads).toHaveLength(reads);
    await clock.fireNext();
    await settled();
    await source.answerAll();
    expect(reader.seqs).toEqual([1, 2, 3, 4, 5]);
  });
});
