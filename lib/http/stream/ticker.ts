import { Timer } from '../../cancellation/timer.js';

/** Calls back again and again, however long the time between; holds no process. */
export class Ticker {
  readonly #ms: number;
  readonly #callback: () => void;
  #timer: Timer;

  constructor(ms: number, callback: () => void) {
    this.#ms = ms;
    this.#callback = callback;
    this.#timer = this.#arm();
  }

  clear(): void {
    this.#timer.clear();
  }

  #arm(): Timer {
    return new Timer(this.#ms, () => {
      this.#timer = this.#arm();
      this.#callback();
    }).unref();
  }
}
