import { clock } from './clock.js';
import { Timer } from './timer.js';

/**
 * A countdown that shares its timer with all others of its length. For the grace of a task: of many that are cancelled
 * together nearly all end at once, and timers of their own were a quarter of what that cost.
 */
export class SharedCountdown {
  readonly #onEnd: () => void;
  #endsAt = Infinity;
  #hasEnded = false;
  #queue: CountdownQueue | undefined;

  /**
   * @param onEnd called when it ends; never throws
   */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** On the monotonic clock; `Infinity` while nothing counts. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** Ends in `ms`, unless it ends earlier or has ended. */
  shorten(ms: number): void {
    const endsAt = clock().now() + ms;
    if (this.#hasEnded || endsAt >= this.#endsAt) return;
    this.clear();
    this.#endsAt = endsAt;
    this.#queue = CountdownQueue.of(ms);
    this.#queue.add(this);
  }

  /** Nothing counts any more. */
  clear(): void {
    this.#queue?.delete(this);
    this.#queue = undefined;
    this.#endsAt = Infinity;
  }

  /** Ends now. */
  end(): void {
    this.clear();
    this.#hasEnded = true;
    this.#onEnd();
  }
}

/** All countdowns of one length that count, on one clock. As they are equally long, they end in the order they began. */
class CountdownQueue {
  static readonly #byLength = new Map<number, CountdownQueue>();
  readonly #clock = clock();
  readonly #length: number;
  readonly #counting = new Set<SharedCountdown>();
  /** Never later than the first ends. That one may have been cleared since. */
  #timer: Timer | undefined;

  private constructor(length: number) {
    this.#length = length;
  }

  static of(length: number): CountdownQueue {
    const known = CountdownQueue.#byLength.get(length);
    if (known && known.#clock === clock()) return known;
    const queue = new CountdownQueue(length);
    CountdownQueue.#byLength.set(length, queue);
    return queue;
  }

  add(countdown: SharedCountdown): void {
    this.#counting.add(countdown);
    this.#timer ??= this.#timerIn(this.#length);
  }

  delete(countdown: SharedCountdown): void {
    this.#counting.delete(countdown);
    if (this.#counting.size > 0) return;
    // A timer that is left would hold the process.
    this.#timer?.clear();
    this.#timer = undefined;
    if (CountdownQueue.#byLength.get(this.#length) === this) CountdownQueue.#byLength.delete(this.#length);
  }

  #timerIn(ms: number): Timer {
    return new Timer(ms, () => this.#endDue());
  }

  #endDue(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const due: SharedCountdown[] = [];
    for (const countdown of this.#counting) {
      const left = countdown.endsAt - now;
      if (left > 0) {
        this.#timer = this.#timerIn(left);
        break;
      }
      due.push(countdown);
    }
    // What one of them does may clear those behind it.
    for (const countdown of due) if (this.#counting.has(countdown)) countdown.end();
  }
}
