import { AsyncLocalStorage } from 'node:async_hooks';
import { type Clock, useClock } from '../cancellation/time/clock.js';
import { type PendingTimer, TestClock } from './test-clock.js';

/** Whose code this is. A task keeps the async context of its start, so its timers go to the clock of its harness. */
const owner = new AsyncLocalStorage<TestClock>();

/** The clocks of the harnesses that are open, the newest last. */
const open: TestClock[] = [];
let newest = new TestClock();
let restore: (() => void) | undefined;

/** The package has one clock; this one passes each call on to the clock of the harness that it belongs to. */
const clockSwitch: Clock = {
  now: () => current().now(),
  epoch: () => current().epoch(),
  setTimeout: (callback, ms) => current().setTimeout(callback, ms),
  clearTimeout: (handle) => (handle as PendingTimer).clear(),
};

/** Code that belongs to no harness, a test's own call for example, gets the clock of the newest. */
function current(): TestClock {
  return owner.getStore() ?? open.at(-1) ?? newest;
}

/** Takes the place of the real clock until all clocks are closed. */
export function openClock(): TestClock {
  restore ??= useClock(clockSwitch);
  newest = new TestClock();
  open.push(newest);
  return newest;
}

export function closeClock(clock: TestClock): void {
  const index = open.indexOf(clock);
  if (index >= 0) open.splice(index, 1);
  if (open.length > 0) return;
  restore?.();
  restore = undefined;
}

/** Runs code as code of a harness. */
export function withClock<T>(clock: TestClock, body: () => T): T {
  return owner.run(clock, body);
}

/** An object all of whose methods run as code of a harness. */
export function onClock<T extends object>(clock: TestClock, target: T): T {
  return new Proxy(target, {
    get(_target, property) {
      const value: unknown = withClock(clock, () => Reflect.get(target, property, target));
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        withClock(clock, () => Reflect.apply(value as (...args: unknown[]) => unknown, target, args));
    },
  });
}
