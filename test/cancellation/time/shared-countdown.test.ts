import { describe, expect, it } from '@jest/globals';
import { SharedCountdown } from '../../../lib/cancellation/time/shared-countdown.js';
import { VirtualClock, withClock } from './virtual-clock.js';

/** Countdowns of a name each, and when which of them ended. */
function naming(clock: VirtualClock) {
  const ends: [string, number][] = [];
  const create = (name: string, onEnd = (): void => {}): SharedCountdown =>
    new SharedCountdown(() => {
      ends.push([name, clock.now()]);
      onEnd();
    });
  return { ends, create };
}

describe('SharedCountdown', () => {
  it('ends each at its own time, on one timer', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const { ends, create } = naming(clock);
      create('a').shorten(10);
      create('b').shorten(10);
      await clock.run(4);
      create('c').shorten(10);
      expect(clock.pending).toBe(1);
      await clock.run(100);
      expect(ends).toEqual([
        ['a', 10],
        ['b', 10],
        ['c', 14],
      ]);
      expect(clock.pending).toBe(0);
    });
  });

  it('leaves no timer when the last one is cleared, and may be set again', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const { ends, create } = naming(clock);
      const [first, second] = [create('a'), create('b')];
      first.shorten(10);
      second.shorten(10);
      first.clear();
      expect(clock.pending).toBe(1);
      second.clear();
      expect(clock.pending).toBe(0);
      await clock.run(5);
      first.shorten(10);
      await clock.run(100);
      expect(ends).toEqual([['a', 15]]);
    });
  });

  it('is only ever shortened, and not once it has ended', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const { ends, create } = naming(clock);
      const countdown = create('a');
      countdown.shorten(10);
      countdown.shorten(50);
      countdown.shorten(5);
      expect(countdown.endsAt).toBe(5);
      await clock.run(100);
      countdown.shorten(10);
      await clock.run(200);
      expect(ends).toEqual([['a', 5]]);
      expect(clock.pending).toBe(0);
    });
  });

  it('one that ends may clear those behind it, and begin others', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const { ends, create } = naming(clock);
      const behind = create('behind');
      create('first', () => {
        behind.clear();
        create('next').shorten(10);
      }).shorten(10);
      behind.shorten(10);
      await clock.run(100);
      expect(ends).toEqual([
        ['first', 10],
        ['next', 20],
      ]);
      expect(clock.pending).toBe(0);
    });
  });
});
