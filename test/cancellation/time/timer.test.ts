import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CancelScope, ScopeTimeoutError } from 'nestjs-streaming';
import { Timer } from '../../../lib/cancellation/time/timer.js';
import { VirtualClock, withClock } from './virtual-clock.js';

const LONGEST = 2 ** 31 - 1;
const days = 24 * 60 * 60 * 1_000;

describe('Timer', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function timer(ms: number): { readonly timer: Timer; readonly fired: () => number } {
    let calls = 0;
    return { timer: new Timer(ms, () => calls++), fired: () => calls };
  }

  it.each([0, 1, 1_000, LONGEST, LONGEST + 1, 2 * LONGEST, 2 * LONGEST + 1, 100 * days, 3_650 * days])(
    'of %d ms fires once, then and not before',
    (ms) => {
      const { fired } = timer(ms);
      if (ms > 0) jest.advanceTimersByTime(ms - 1);
      expect(fired()).toBe(0);
      jest.advanceTimersByTime(1);
      expect(fired()).toBe(1);
      expect(jest.getTimerCount()).toBe(0);
      jest.advanceTimersByTime(LONGEST);
      expect(fired()).toBe(1);
    },
  );

  it('sets no timer longer than setTimeout takes, and one at a time', () => {
    const set = jest.spyOn(globalThis, 'setTimeout');
    timer(100 * days);
    for (let passed = 0; passed < 100 * days; passed += days) {
      expect(jest.getTimerCount()).toBe(1);
      jest.advanceTimersByTime(days);
    }
    expect(jest.getTimerCount()).toBe(0);
    expect(Math.max(...set.mock.calls.map(([, ms]) => ms ?? 0))).toBeLessThanOrEqual(LONGEST);
    set.mockRestore();
  });

  it('of Infinity ms never fires, and holds nothing', () => {
    const { timer: endless, fired } = timer(Infinity);
    expect(jest.getTimerCount()).toBe(0);
    endless.unref().clear();
    expect(fired()).toBe(0);
  });

  it('does not fire once it is cleared, in its first stretch or a later one', () => {
    for (const passed of [0, 10, LONGEST, LONGEST + 10]) {
      const { timer: cleared, fired } = timer(3 * LONGEST);
      jest.advanceTimersByTime(passed);
      cleared.clear();
      cleared.clear();
      expect(jest.getTimerCount()).toBe(0);
      jest.advanceTimersByTime(4 * LONGEST);
      expect(fired()).toBe(0);
    }
  });

  it('can be cleared from its own callback, and after it', () => {
    const own: Timer = new Timer(10, () => own.clear());
    jest.advanceTimersByTime(10);
    own.clear();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('once it is unrefed, each stretch of it is', () => {
    const unrefed: boolean[] = [];
    const real = globalThis.setTimeout;
    const set = jest
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation((callback: () => void, ms?: number) => {
        const handle = real(callback, ms);
        const at = unrefed.push(false) - 1;
        return Object.assign(handle, {
          unref() {
            unrefed[at] = true;
            return handle;
          },
        });
      });
    new Timer(3 * LONGEST, () => undefined).unref();
    jest.advanceTimersByTime(3 * LONGEST);
    set.mockRestore();
    expect(unrefed).toEqual([true, true, true]);
  });
});

describe('Long times in scopes', () => {
  it('a sleep of a hundred days lasts a hundred days, a timeout of fifty cuts it', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const ended: [string, number][] = [];
      const root = CancelScope.root();
      const slept = root.sleep(100 * days).then(() => ended.push(['slept', clock.now()]));
      const limited = root
        .timeout(50 * days, (scope) => scope.sleep(100 * days))
        .catch((error: unknown) => {
          expect(error).toBeInstanceOf(ScopeTimeoutError);
          ended.push(['timed out', clock.now()]);
        });
      await clock.run();
      await Promise.all([slept, limited]);
      expect(ended).toEqual([
        ['timed out', 50 * days],
        ['slept', 100 * days],
      ]);
      expect(clock.pending).toBe(0);
    });
  });

  it('a scope of fifty days that ends or is cancelled leaves no timer', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const root = CancelScope.root();
      await root.timeout(50 * days, async (scope) => scope.reschedule(60 * days));
      expect(clock.pending).toBe(0);
      await root.scope(async (scope) => {
        const slept = scope.sleep(100 * days);
        await clock.run(40 * days);
        scope.cancel();
        await slept;
      });
      expect(clock.pending).toBe(0);
    });
  });
});
