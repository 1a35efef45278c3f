import { clock } from './clock.js';
import { Timer } from './timer.js';

/** A timer that can be set again and again, and waited for. It counts nothing until it is set. */
export class Countdown extends Timer {
  #endsAt = Infinity;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  constructor(onEnd?: () => void) {
    super(Infinity, onEnd);
  }

  /** On the monotonic clock; `Infinity` while nothing counts. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** Whether it has ended since it was set. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Ends in `ms`; never where that is `null` or `Infinity`. */
  set(ms: number | null): void {
    this.clear();
    this.#hasEnded = false;
    if (ms !== null) this.#count(ms, clock().now() + ms);
  }

  /** Ends in `ms`, unless it ends earlier or has ended. */
  shorten(ms: number): void {
    const endsAt = clock().now() + ms;
    if (this.#hasEnded || endsAt >= this.#endsAt) return;
    this.clear();
    this.#count(ms, endsAt);
  }

  override clear(): void {
    super.clear();
    this.#endsAt = Infinity;
  }

  end(): void {
    this.clear();
    this.#hasEnded = true;
    super.fire();
    this.#wake?.();
  }

  protected override fire(): void {
    this.end();
  }

  /** Whether a promise is fulfilled before the end. Only one can be waited for at a time. */
  wait(promise: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(false);
      if (this.#hasEnded) resolve(false);
      promise.then(
        () => resolve(true),
        () => resolve(false),
      );
    });
  }

  #count(ms: number, endsAt: number): void {
    this.#endsAt = endsAt;
    this.start(ms);
  }
}

/** Whether a promise is fulfilled within so many milliseconds. */
export async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const countdown = new Countdown();
  countdown.set(ms);
  const isInTime = await countdown.wait(promise);
  countdown.clear();
  return isInTime;
}
