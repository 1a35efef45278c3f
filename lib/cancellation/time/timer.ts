import { type Clock, clock, type TimerHandle } from './clock.js';

/** The longest delay `setTimeout` takes; a longer one fires at once. */
const MAX_DELAY = 2 ** 31 - 1;

/**
 * A `setTimeout` for delays of any length: one over 2^31 ms is chained, `Infinity` never fires and holds nothing. The
 * callback runs in no caller's async context, and the timer keeps none alive.
 */
export class Timer {
  readonly #clock: Clock = clock();
  readonly #callback: (() => void) | undefined;
  #rest = Infinity;
  #held = true;
  #handle: TimerHandle | undefined;

  constructor(ms: number, callback?: () => void) {
    this.#callback = callback;
    this.start(ms);
  }

  clear(): void {
    if (this.#handle) this.#clock.clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  /** Lets the process end although the timer has not fired. */
  unref(): this {
    this.#held = false;
    this.#handle?.unref();
    return this;
  }

  /** Waits from now on, where nothing waits any more. */
  protected start(ms: number): void {
    this.#rest = ms;
    this.#arm();
  }

  protected fire(): void {
    this.#callback?.();
  }

  #arm(): void {
    if (this.#rest === Infinity) return;
    const step = Math.min(this.#rest, MAX_DELAY);
    this.#rest -= step;
    this.#handle = this.#clock.setTimeout(this.#onTimeout, step);
    if (!this.#held) this.#handle.unref();
  }

  readonly #onTimeout = (): void => {
    if (this.#rest > 0) this.#arm();
    else this.fire();
  };
}
