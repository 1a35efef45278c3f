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

/** The waits between the tries of one piece of work. */
export class RetryDelays {
  readonly #backoff: Backoff;
  #onWrong: ((what: string, cause?: unknown) => void) | undefined;

  /**
   * @param onWrong called when the function throws or gives no delay, the first time that it does. The default delay is used
   *   instead
   */
  constructor(backoff: Backoff, onWrong: (what: string, cause?: unknown) => void) {
    this.#backoff = backoff;
    this.#onWrong = onWrong;
  }

  after(attempt: number): number {
    const backoff = this.#backoff;
    if (typeof backoff === 'number') return backoff;
    try {
      const delay: unknown = backoff(attempt);
      if (typeof delay === 'number' && delay >= 0 && delay < Infinity) return delay;
      // It may reject as well.
      if (isThenable(delay)) void delay.then(undefined, () => {});
      this.#onWrong?.(`gave ${isThenable(delay) ? 'a promise' : shown(delay)} instead of milliseconds`);
    } catch (error) {
      this.#onWrong?.('threw', error);
    }
    this.#onWrong = undefined;
    return DEFAULT_BACKOFF;
  }
}

function shown(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Infinity }).slice(0, 80);
}
