import { expect } from '@jest/globals';

/** What "at once" is, in milliseconds. */
export const AT_ONCE = 50;

/** A stopwatch that runs. */
export function stopwatch(): { readonly elapsed: number } {
  const began = performance.now();
  return {
    get elapsed() {
      return performance.now() - began;
    },
  };
}

/** A timer may fire a little early, and on a busy machine much later: five times the value, at least 50 ms more. */
export function expectAbout(elapsed: number, ms: number): void {
  expect(elapsed).toBeGreaterThanOrEqual(ms - 5);
  expect(elapsed).toBeLessThanOrEqual(Math.max(ms * 5, ms + 50));
}
