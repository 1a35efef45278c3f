import { Timer } from './timer.js';

/**
 * Waits for a promise, but no longer than `ms`.
 *
 * @param promise must not reject
 */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = new Timer(ms, resolve);
    void promise.then(() => {
      timer.clear();
      resolve();
    });
  });
}
