import type { Clock, TimerHandle } from '../cancellation/clock.js';

/** One timer that waits for its time. */
class PendingTimer implements TimerHandle {
  constructor(
    readonly dueAt: number,
    readonly order: number,
    readonly callback: () => void,
  ) {}

  unref(): this {
    return this;
  }
}

/**
 * Time that passes only when it is told to. Only this package's own timers follow it; what a handler does for real
 * (files, sockets, its own `setTimeout`) goes on in real time.
 */
export class TestClock implements Clock {
  readonly #timers = new Set<PendingTimer>();
  readonly #epoch = Date.now();
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  epoch(): number {
    return this.#epoch + this.#now;
  }

  setTimeout(callback: () => void, ms: number): TimerHandle {
    const timer = new PendingTimer(this.#now + Math.max(ms, 0), this.#order++, callback);
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as PendingTimer);
  }

  /** Lets `ms` pass: each timer fires at its time, and what follows from it happens before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.callback();
      await settle();
    }
    this.#now = end;
  }

  #next(end: number): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt > end) continue;
      if (!next || timer.dueAt < next.dueAt || (timer.dueAt === next.dueAt && timer.order < next.order))
        next = timer;
    }
    return next;
  }
}

/** How many turns of the event loop follow each timer: a task begins one turn after its start, a `yield` takes one. */
const turns = 4;

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
