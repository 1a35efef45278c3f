import { Countdown } from './countdown.js';

/**
 * Waits for a promise, but no longer than `ms`.
 *
 * @param promise must not reject
 */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const countdown = new Countdown();
  countdown.set(ms);
  await countdown.wait(promise);
  countdown.stop();
}
