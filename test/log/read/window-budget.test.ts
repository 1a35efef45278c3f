import { describe, expect, it } from '@jest/globals';
import type { LogWindow } from '../../../lib/log/read/log-window.js';
import { WindowBudget } from '../../../lib/log/read/window-budget.js';
import { eventBytes, HeldSource, Reader, settled, windowOf } from '../../support/held-log.js';

const most = 10 * eventBytes;

describe('what many windows keep together', () => {
  async function read(
    count: number,
  ): Promise<[WindowBudget, HeldSource[], Reader[], LogWindow<string | null>[]]> {
    const budget = new WindowBudget(most);
    const sources = Array.from({ length: count }, () => new HeldSource(4));
    const windows = sources.map((source) => windowOf(source, { budget }));
    const readers: Reader[] = [];
    for (const [n, source] of sources.entries()) {
      readers.push(new Reader(windows[n]!));
      await settled();
      await source.answerAll();
    }
    return [budget, sources, readers, windows];
  }

  it('is no more than its bound: what came first is dropped, and everybody has read all', async () => {
    const [budget, , readers] = await read(20);
    for (const { seqs } of readers) expect(seqs).toEqual([1, 2, 3, 4]);
    expect(budget.bytes).toBe(8 * eventBytes);
    for (const { leave } of readers) leave();
    expect(budget.bytes).toBe(0);
  });

  it('is read again where somebody asks for what was dropped', async () => {
    const [budget, sources, readers, windows] = await read(5);
    const late = new Reader(windows[0]!);
    expect(late.seqs).toEqual([]);
    await settled();
    await sources[0]!.answerAll();
    expect(late.seqs).toEqual([1, 2, 3, 4]);
    expect(budget.bytes).toBeLessThanOrEqual(most);
    late.leave();
    for (const { leave } of readers) leave();
    expect(budget.bytes).toBe(0);
  });

  it('does not lose what somebody waits for, and bounds what is told, too', async () => {
    const budget = new WindowBudget(most);
    const waiting = new HeldSource(4);
    const window = windowOf(waiting, { budget });
    // It asks, and does not come for it.
    const subscription = window.subscribe(() => {});
    for (const seq of [1, 2, 3, 4]) window.at(seq);
    await settled();
    await waiting.answerAll();
    const told = [new HeldSource(), new HeldSource()];
    const readers = told.map((each) => new Reader(windowOf(each, { budget })));
    await settled();
    for (const each of told) await each.answerAll();
    for (let n = 1; n <= 30; n++)
      for (const each of told) {
        await each.tellNext();
        expect(budget.bytes).toBeLessThanOrEqual(Math.max(most, (4 + n) * eventBytes));
      }
    for (const { seqs } of readers) expect(seqs).toHaveLength(30);
    expect(window.at(1)?.seq).toBe(1);
    subscription.unsubscribe();
    for (const { leave } of readers) leave();
    expect(budget.bytes).toBe(0);
  });
});
