import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { runScope, ScopeEndedError, type CancelScope, type TaskContext } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';
import { deferred } from '../../support/wait.js';
import { StoppedClock } from '../../support/stopped-clock.js';

describe('what waits in a scope that has ended', () => {
  it('takes no signal: the next one that asks gets it', async () => {
    const { handle, events, coordinator } = await startTask(async (task) => {
      await task.scope(async (scope) => {
        void task.waitForSignal('go', { scope }).then(
          () => task.sendEvent('taken'),
          () => {},
        );
        await scope.sleep(1);
      });
      void task.sendEvent('second');
      return task.waitForSignal('go');
    });
    await events.until('second');
    await coordinator.signal(handle.ref, 'go', 'hello');
    expect(await handle.result).toBe('hello');
    expect(events.types).not.toContain('taken');
  });

  it('a try that failed takes no signal from the next one', async () => {
    let first: TaskContext | undefined;
    const { handle, events, coordinator } = await startTask(
      async (task) => {
        if (task.attempt === 1) {
          first = task;
          void task.waitForSignal('go').catch(() => {});
          throw new Error('once');
        }
        void first?.waitForSignal('go').catch(() => {});
        void task.sendEvent('second');
        return task.waitForSignal('go');
      },
      { task: { attempts: 2, backoff: 0 } },
    );
    await events.until('second');
    await coordinator.signal(handle.ref, 'go', 'hello');
    expect(await handle.result).toBe('hello');
  });

  it('holds no timer, and its promise stays as it is', async () => {
    using clock = new StoppedClock();
    let settled = false;
    await runScope(async (scope) => {
      scope.sleep(10).then(
        () => (settled = true),
        () => (settled = true),
      );
      return 'done';
    });
    await clock.advance(1_000);
    expect(settled).toBe(false);
  });

  it('a wait that begins after the end is refused', async () => {
    let ended: CancelScope | undefined;
    await runScope((scope) =>
      scope.scope(async (inner) => {
        ended = inner;
      }),
    );
    await expect(ended?.sleep(1)).rejects.toBeInstanceOf(ScopeEndedError);
    await expect(ended?.waitFor(Promise.resolve(1))).rejects.toBeInstanceOf(ScopeEndedError);
    // Not awaited it is no unhandled rejection.
    void ended?.sleep(1);
    await delay(1);
  });

  it('a scope that a failed try has left running takes nothing from the next one, and calls nothing', async () => {
    const called: string[] = [];
    const { handle, events, coordinator } = await startTask(
      async (task) => {
        if (task.attempt === 1) {
          void task.scope(async (scope) => {
            await task.waitForSignal('go', { scope });
            called.push('signal');
          });
          void task.shield(async (scope) => {
            await scope.sleep(5);
            called.push('slept');
          });
          throw new Error('once');
        }
        void task.sendEvent('second');
        const signal = await task.waitForSignal('go');
        await task.sleep(20);
        return signal;
      },
      { task: { attempts: 2, backoff: 0 } },
    );
    await events.until('second');
    await coordinator.signal(handle.ref, 'go', 'hello');
    expect(await handle.result).toBe('hello');
    expect(called).toEqual([]);
  });

  it('an abandoned handler still cleans up in its shield', async () => {
    const cleaned = deferred<boolean>();
    const { handle, running } = await startTask(
      async (task) => {
        try {
          await task.sleep(60_000);
        } finally {
          await task.shield(async (scope) => {
            await scope.sleep(50);
            cleaned.resolve(true);
          });
        }
      },
      { task: { grace: 5 } },
    );
    await running;
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', abandoned: true });
    expect(await cleaned.promise).toBe(true);
  });
});

describe('reschedule()', () => {
  it('throws in a scope that has expired, and in one that was cancelled', async () => {
    const errors: unknown[] = [];
    await runScope(async (root) => {
      await root
        .timeout(1, async (scope) => {
          await scope.sleep(60_000).catch(() => {});
          expect(() => scope.reschedule(1_000)).toThrow(ScopeEndedError);
          scope.throwIfCancelled();
        })
        .catch((error: unknown) => errors.push(error));
      await root.scope(async (scope) => {
        scope.cancel();
        expect(() => scope.reschedule(null)).toThrow('it was cancelled');
      });
    });
    expect(errors).toMatchObject([{ name: 'ScopeTimeoutError' }]);
  });
});

describe('a time limit whose body ignores it', () => {
  it('is warned of once, when the grace is over; one that ends in time is not', async () => {
    using clock = new StoppedClock();
    const work = deferred();
    const { handle, logs, running } = await startTask(
      async (task) => {
        await task.timeout(5, () => work.promise).catch(() => {});
        await task.timeout(5, (scope) => scope.sleep(60_000)).catch(() => {});
      },
      { task: { grace: 10 } },
    );
    await clock.until(running);
    await clock.advance(60);
    work.resolve();
    expect((await clock.until(handle.outcome)).status).toBe('completed');
    await clock.advance(60);
    expect(logs.warnings.filter((text) => text.includes('timeout(5)'))).toEqual([
      expect.stringContaining('still runs 10 ms after its time was over'),
    ]);
  });
});
