import { Timer } from '../cancellation/timer.js';

/** Waits for a promise that never rejects, or for so many milliseconds. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: Timer | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = new Timer(ms, resolve);
  });
  await Promise.race([promise, timeUp]);
  timer?.clear();
}
