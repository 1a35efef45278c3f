import { type Clock, type TimerHandle, useClock } from '../../../lib/cancellation/time/clock.js';

interface Pending extends TimerHandle {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** Time that passes as fast as the machine can: from one timer to the next, each with all that follows from it. */
export class VirtualClock implements Clock {
  #now = 0;
  readonly #pending = new Set<Pending>();
  readonly #newestFirst: boolean;

  /**
   * @param options `newestFirst`: of timers that are due together, the one that was set last fires first
   */
  constructor({ newestFirst = false }: { newestFirst?: boolean } = {}) {
    this.#newestFirst = newestFirst;
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#pending.size;
  }

  now(): number {
    return this.#now;
  }

  epoch(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): TimerHandle {
    const timer: Pending = { dueAt: this.#now + Math.max(ms, 0), callback, unref: () => timer };
    this.#pending.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#pending.delete(handle as Pending);
  }

  /** Fires every timer up to `until`, the last moment included. */
  async run(until = Infinity): Promise<void> {
    await flush();
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#pending.delete(next);
      this.#now = next.dueAt;
      next.callback();
      await flush();
    }
    if (until !== Infinity) this.#now = until;
  }

  #next(until: number): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.#pending) {
      if (timer.dueAt > until) continue;
      const earlier = !next || timer.dueAt < next.dueAt;
      if (earlier || (this.#newestFirst && timer.dueAt === next?.dueAt)) next = timer;
    }
    return next;
  }
}

/** Runs a body on a virtual clock; the real one is back afterwards. */
export async function withClock<T>(clock: VirtualClock, body: () => Promise<T>): Promise<T> {
  const restore = useClock(clock);
  try {
    return await body();
  } finally {
    restore();
  }
}

/** Lets everything happen that needs no time. */
function flush(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
