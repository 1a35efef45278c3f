import { inspect } from 'node:util';
import { isThenable } from '../promises.js';

/**
 * The wait before the next try: milliseconds, or a function of the number of the try that failed.
 *
 * @publicApi
 */
export type Backoff = number | ((attempt: number) => number);

/** The wait where none is given, and in place of one that is no delay. In milliseconds. */
export const DEFAULT_BACKOFF = 1_000;

/**
 * The wait before the next try.
 *
 * @param attempt the number of the try that failed
 * @param onWrong called when the function throws or gives no delay. The default delay is used instead
 */
export function backoffDelay(
  backoff: Backoff,
  attempt: number,
  onWrong: (what: string, cause?: unknown) => void,
): number {
  if (typeof backoff === 'number') return backoff;
  try {
    const delay: unknown = backoff(attempt);
    if (typeof delay === 'number' && delay >= 0 && delay < Infinity) return delay;
    // It may reject as well.
    if (isThenable(delay)) void delay.then(undefined, () => {});
    onWrong(`gave ${isThenable(delay) ? 'a promise' : shown(delay)} instead of milliseconds`);
  } catch (error) {
    onWrong('threw', error);
  }
  return DEFAULT_BACKOFF;
}

function shown(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Infinity }).slice(0, 80);
}
