import { clock } from '../cancellation/time/clock.js';
import { Timer } from '../cancellation/time/timer.js';

/** A time that can only become shorter. */
export class Countdown {
  readonly #onOver: () => void;
  #endsAt = Infinity;
  #timer: Timer | undefined;

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  get isOver(): boolean {
    return clock().now() >= this.#endsAt;
  }

  /** It ends in `ms`, unless it ends earlier. */
  shorten(ms: number): void {
    const endsAt = clock().now() + ms;
    if (endsAt >= this.#endsAt) return;
    this.#timer?.clear();
    this.#endsAt = endsAt;
    this.#timer = new Timer(ms, this.#onOver);
  }

  /** Nothing counts any more. */
  stop(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#endsAt = Infinity;
  }
}
