import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { Answers } from '../../../../lib/bullmq/redis/connection/answers.js';
import { StoreUnavailableError } from '../../../../lib/bullmq/errors.js';

const never = (): Promise<never> => new Promise(() => {});

describe('answers that somebody waits for', () => {
  it('come as they are', async () => {
    const answers = new Answers(1_000);
    expect(await answers.inTime(async () => 'an answer')).toBe('an answer');
    const wrong = new TypeError('wrong');
    await expect(answers.inTime(() => Promise.reject(wrong))).rejects.toBe(wrong);
    const lost = new Error('Connection is closed.');
    const unavailable = await answers.inTime(() => Promise.reject(lost)).catch((error: unknown) => error);
    expect(unavailable).toBeInstanceOf(StoreUnavailableError);
    expect((unavailable as Error).cause).toBe(lost);
  });

  it.each([
    "READONLY You can't write against a read only replica. script: 7f3, on @user_script:2.",
    "ERR Error running script (call to f_7f3): @user_script:4: @user_script: 4: -READONLY You can't write against a read only replica.",
    "ERR Error running script (call to f_7f3): @user_script:30: @user_script: 30: -OOM command not allowed when used memory > 'maxmemory'.",
  ])('that refuse for a while are none: %s', async (message) => {
    const answers = new Answers(1_000);
    await expect(answers.inTime(() => Promise.reject(new Error(message)))).rejects.toBeInstanceOf(
      StoreUnavailableError,
    );
  });

  it('that do not come are given up, each in its own time', async () => {
    const answers = new Answers(120);
    const givenUp: string[] = [];
    const waits = ['first', 'second'].map(async (name, n) => {
      await delay(n * 60);
      const begin = performance.now();
      await expect(answers.inTime(never)).rejects.toBeInstanceOf(StoreUnavailableError);
      givenUp.push(name);
      // Timers may be a millisecond early.
      expect(performance.now() - begin).toBeGreaterThan(118);
    });
    const answered = answers.inTime(() => delay(20, 'answered'));
    await Promise.all(waits);
    expect(givenUp).toEqual(['first', 'second']);
    expect(await answered).toBe('answered');
    // Also when nothing has waited for a while.
    await expect(answers.inTime(never)).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('that come too late are left', async () => {
    const answers = new Answers(30);
    const late = delay(60).then(() => Promise.reject(new Error('late')));
    await expect(answers.inTime(() => late)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(late).rejects.toThrow('late');
  });
});
