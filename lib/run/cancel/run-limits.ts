import { clock } from '../../cancellation/time/clock.js';
import type { TimeoutOf } from '../../cancellation/cancel-reason.js';
import { Timer } from '../../cancellation/time/timer.js';

/** A timer that can be set again, and set to nothing. */
class Alarm {
  #timer: Timer | undefined;

  arm(ms: number | null, callback: () => void): void {
    this.clear();
    if (ms !== null && ms !== Infinity) this.#timer = new Timer(ms, callback);
  }

  clear(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }
}

/** The clocks of a run. One that runs out requests a cancellation. */
export class RunLimits {
  readonly pending = new Alarm();
  readonly idle = new Alarm();
  readonly unwatched = new Alarm();
  readonly #total = new Alarm();
  readonly #onTimeout: (of: TimeoutOf, timeout: number) => void;
  #deadline: number | null = null;
  #totalTimeout = Infinity;
  #totalDueAt = Infinity;
  /** When the total timeout would end, had the handler not passed its point of no return. */
  #suspendedTotal = Infinity;
  #lastEventAt = 0;
  #tracksEvents = false;

  constructor(onTimeout: (of: TimeoutOf, timeout: number) => void) {
    this.#onTimeout = onTimeout;
  }

  /** When the total timeout ends, in epoch milliseconds. */
  get deadline(): number | null {
    return this.#deadline;
  }

  /** The same on the monotonic clock. */
  get totalDueAt(): number {
    return this.#totalDueAt;
  }

  armTotal(ms: number | null): void {
    const left = ms === null || ms === Infinity ? null : Math.max(ms, 0);
    this.#deadline = left === null ? null : clock().epoch() + left;
    this.#totalDueAt = clock().now() + (left ?? Infinity);
    this.#totalTimeout = left ?? Infinity;
    this.#total.arm(left, () => this.expireTotal());
  }

  expireTotal(): void {
    // Once: it may be seen to be due before its own timer fires.
    if (this.#totalDueAt === Infinity) return;
    this.#totalDueAt = Infinity;
    this.#total.clear();
    this.#onTimeout('total', this.#totalTimeout);
  }

  /** From here on no limit counts: the handler has passed its point of no return. */
  suspend(): void {
    const dueAt = this.#totalDueAt;
    this.clear();
    this.#suspendedTotal = dueAt;
    this.#deadline = null;
  }

  /** The next try counts as before: its limit spans all tries, the time of the commit included. */
  resume(): void {
    const dueAt = this.#suspendedTotal;
    this.#suspendedTotal = Infinity;
    if (dueAt === Infinity) return;
    const timeout = this.#totalTimeout;
    this.armTotal(Math.max(0, dueAt - clock().now()));
    this.#totalTimeout = timeout;
  }

  armPending(ms: number | null): void {
    this.pending.arm(ms, () => this.#onTimeout('pending', ms ?? 0));
  }

  armIdle(ms: number | null): void {
    if (ms === null || ms === Infinity) return;
    this.#tracksEvents = true;
    this.noteEvent();
    this.#checkIdle(ms, ms);
  }

  noteEvent(): void {
    if (this.#tracksEvents) this.#lastEventAt = clock().now();
  }

  clear(): void {
    this.pending.clear();
    this.idle.clear();
    this.unwatched.clear();
    this.#total.clear();
    this.#totalDueAt = Infinity;
  }

  /** One timer for many events: when it fires it looks how long ago the newest one was. */
  #checkIdle(ms: number, wait: number): void {
    this.idle.arm(wait, () => {
      const rest = ms - (clock().now() - this.#lastEventAt);
      // Timers may fire up to a millisecond early.
      if (rest <= 1) this.#onTimeout('idle', ms);
      else this.#checkIdle(ms, rest);
    });
  }
}
