import { describe, expect, it, jest } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import { RedisClock } from '../../../lib/bullmq/redis/redis-clock.js';

const HOUR = 3_600_000;

/** A Redis that is an hour ahead, and answers after so many milliseconds. */
function ask(delay = 0, ahead = HOUR): () => Promise<[string, number]> {
  return async () => {
    const time = performance.timeOrigin + performance.now() + ahead;
    await setTimeout(delay);
    return ['answer', time];
  };
}

const now = (ahead = HOUR): number => performance.timeOrigin + performance.now() + ahead;

/** @returns how many milliseconds it took at most: less is not known of the time */
async function measure(clock: RedisClock, delay = 0, ahead = HOUR): Promise<number> {
  const began = performance.now();
  await clock.measure(ask(delay, ahead));
  // What is told is in whole milliseconds.
  return performance.now() - began + 2;
}

/** How far it is behind at least, and at most. */
function lag(clock: RedisClock, ahead = HOUR): [least: number, most: number] {
  const before = now(ahead);
  const told = clock.now;
  return [before - told, now(ahead) - told];
}

/** How much less than the truth the latest time is that it may be. */
function shortfall(clock: RedisClock): number {
  const before = Math.floor(now());
  return before - clock.latest;
}

/** How far the earliest and the latest are apart. */
function uncertainty(clock: RedisClock): number {
  const began = performance.now();
  const earliest = clock.now;
  const { latest } = clock;
  return latest - earliest - (performance.now() - began);
}

describe('the time of Redis', () => {
  it('is known from an answer, never ahead, and goes on whatever the clock of this machine says', async () => {
    const clock = new RedisClock();
    const took = await measure(clock);
    jest.spyOn(Date, 'now').mockReturnValue(0);
    await setTimeout(20);
    const [least, most] = lag(clock);
    expect(most).toBeGreaterThanOrEqual(0);
    expect(least).toBeLessThan(took);
    jest.restoreAllMocks();
  });

  it('is told as what the clock of this machine says then', async () => {
    const clock = new RedisClock();
    await measure(clock);
    jest.spyOn(Date, 'now').mockReturnValue(1_000);
    const before = clock.now;
    const here = clock.here(before + 500);
    const after = clock.now;
    expect(here).toBeLessThanOrEqual(1_500);
    expect(here).toBeGreaterThanOrEqual(1_500 - (after - before));
    jest.restoreAllMocks();
  });

  it.each([
    [100, 0],
    [0, 100],
    [50, 50],
  ])(
    'is between the earliest and the latest that it may be: asked %d ms, answered %d ms',
    async (there, back) => {
      const clock = new RedisClock();
      await clock.measure(async () => {
        await setTimeout(there);
        return ask(back)();
      });
      expect(lag(clock)[1]).toBeGreaterThanOrEqual(0);
      expect(shortfall(clock)).toBeLessThanOrEqual(0);
      expect(uncertainty(clock)).toBeGreaterThan(90);
      // A quick answer says more.
      const took = await measure(clock);
      expect(uncertainty(clock)).toBeLessThan(took + 2);
      expect(shortfall(clock)).toBeLessThanOrEqual(0);
    },
  );

  it('is not put back by an answer that took long', async () => {
    const clock = new RedisClock();
    await measure(clock, 200);
    expect(lag(clock)[1]).toBeGreaterThan(150);
    const took = await measure(clock);
    await measure(clock, 200);
    expect(lag(clock)[0]).toBeLessThan(took);
  });

  it.each([-HOUR, HOUR / 2, 2 * HOUR])('follows a Redis whose clock was set: %d', async (ahead) => {
    const clock = new RedisClock();
    await measure(clock);
    const took = await measure(clock, 0, ahead);
    const [least, most] = lag(clock, ahead);
    expect(least).toBeLessThan(took);
    expect(most).toBeGreaterThan(-took);
  });
});
