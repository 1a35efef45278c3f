import { inRootContext } from '../async-context.js';

export interface Clock {
  /** Milliseconds that only ever grow, for measuring. */
  now(): number;
  /** Epoch milliseconds, for telling. */
  epoch(): number;
  /** As the global one, for at most 2^31 - 1 ms, and outside of every caller's async context. */
  setTimeout(callback: () => void, ms: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
}

export interface TimerHandle {
  unref(): unknown;
}

const systemClock: Clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  setTimeout: (callback, ms) => inRootContext(setTimeout, callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

let current = systemClock;

/** The clock of everything that waits or measures in this package. */
export function clock(): Clock {
  return current;
}

/** Replaces the clock, for tests, until the returned function is called. */
export function useClock(replacement: Clock): () => void {
  const before = current;
  current = replacement;
  return () => {
    current = before;
  };
}
