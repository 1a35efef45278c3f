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

function lag(clock: RedisClock, ahead = HOUR): number {
  return performance.timeOrigin + performance.now() + ahead - clock.now;
}

describe('the time of Redis', () => {
  it('is known from an answer, never ahead, and goes on whatever the clock of this machine says', async () => {
    const clock = new RedisClock();
    await expect(clock.measure(ask())).resolves.toBe('answer');
    jest.spyOn(Date, 'now').mockReturnValue(0);
    await setTimeout(20);
    expect(lag(clock)).toBeGreaterThanOrEqual(0);
    expect(lag(clock)).toBeLessThan(20);
    expect(Math.abs(clock.here(clock.now + 500) - 500)).toBeLessThan(5);
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
      expect(clock.now).toBeLessThanOrEqual(now());
      expect(clock.latest).toBeGreaterThanOrEqual(Math.floor(now()));
      expect(clock.latest - clock.now).toBeGreaterThan(90);
      // A quick answer says more.
      await clock.measure(ask());
      expect(clock.latest - clock.now).toBeLessThan(20);
      expect(clock.latest).toBeGreaterThanOrEqual(Math.floor(now()));
    },
  );

  it('is not put back by an answer that took long', async () => {
    const clock = new RedisClock();
    await clock.measure(ask(200));
    expect(lag(clock)).toBeGreaterThan(150);
    await clock.measure(ask());
    await clock.measure(ask(200));
    expect(lag(clock)).toBeLessThan(50);
  });

  it.each([-HOUR, HOUR / 2, 2 * HOUR])('follows a Redis whose clock was set: %d', async (ahead) => {
    const clock = new RedisClock();
    await clock.measure(ask());
    await clock.measure(ask(0, ahead));
    expect(Math.abs(lag(clock, ahead))).toBeLessThan(20);
  });
});
