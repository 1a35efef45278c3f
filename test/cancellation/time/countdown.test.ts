import { describe, expect, it } from '@jest/globals';
import { Countdown, within } from '../../../lib/cancellation/time/countdown.js';
import { VirtualClock, withClock } from './virtual-clock.js';

const never = new Promise<void>(() => {});

describe('Countdown', () => {
  it('ends once, at the time that was set last', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const ends: number[] = [];
      const countdown = new Countdown(() => ends.push(clock.now()));
      countdown.set(10);
      countdown.set(30);
      expect(countdown.endsAt).toBe(30);
      await clock.run(100);
      expect(ends).toEqual([30]);
      expect(countdown).toMatchObject({ endsAt: Infinity, hasEnded: true });
    });
  });

  it.each([
    ['to less', 5, [5]],
    ['to more: stays as it is', 50, [10]],
  ])('shortened %s', async (_how, ms, expected) => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const ends: number[] = [];
      const countdown = new Countdown(() => ends.push(clock.now()));
      countdown.set(10);
      countdown.shorten(ms);
      await clock.run(100);
      expect(ends).toEqual(expected);
    });
  });

  it('does not begin again when it is shortened after its end', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      let ends = 0;
      const countdown = new Countdown(() => ends++);
      countdown.end();
      countdown.shorten(10);
      await clock.run(100);
      expect(ends).toBe(1);
      expect(countdown.hasEnded).toBe(true);
    });
  });

  it.each([null, Infinity, 'cleared'] as const)('never ends: %s', async (how) => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      let ends = 0;
      const countdown = new Countdown(() => ends++);
      countdown.set(10);
      if (how === 'cleared') countdown.clear();
      else countdown.set(how);
      expect(clock.pending).toBe(0);
      await clock.run(100);
      expect(ends).toBe(0);
    });
  });

  it('waits no longer than until its end, and not at all after it', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const countdown = new Countdown();
      countdown.set(10);
      const waiting = countdown.wait(never);
      await clock.run(10);
      expect(await waiting).toBe(false);
      expect(await countdown.wait(never)).toBe(false);
    });
  });

  it('tells whether what it waited for was fulfilled', async () => {
    const countdown = new Countdown();
    expect(await countdown.wait(Promise.resolve())).toBe(true);
    expect(await countdown.wait(Promise.reject(new Error('lost')))).toBe(false);
  });
});

describe('within', () => {
  it('leaves no timer when the promise was first', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      expect(await within(10, Promise.resolve())).toBe(true);
      expect(clock.pending).toBe(0);
    });
  });

  it('gives up at its time', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const waiting = within(10, never);
      await clock.run(10);
      expect(await waiting).toBe(false);
    });
  });
});
