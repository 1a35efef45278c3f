import { describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, type CancelScope, ScopeTimeoutError, TaskTimeoutError } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { takesEffect } from '../../../support/app/store.js';
import { InstalledPackage } from '../../../support/programs/installed.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

const referencedTimers = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

describe('TO. Timeouts of a scope', () => {
  it('TO.062 TO.063 a block that takes too long is a ScopeTimeoutError, and the task goes on', async () => {
    using clock = new StoppedClock();
    let scope: CancelScope | undefined;
    let error: unknown;
    let elapsed = 0;
    const started = await startTask(async (task) => {
      error = await rejection(
        task.timeout(10, (s) => {
          scope = s;
          return s.sleep(10_000);
        }),
      );
      elapsed = clock.now();
      await task.sleep(1);
      return [task.cancelling, task.signal.aborted];
    });
    const outcome = await clock.until(expectEnd(started, 'completed'));
    expect(elapsed).toBe(10);
    expect(outcome.value).toEqual([0, false]);
    expect(error).toBeInstanceOf(ScopeTimeoutError);
    expect(error).not.toBeInstanceOf(CancelledError);
    expect(error).not.toBeInstanceOf(TaskTimeoutError);
    expect(error).toMatchObject({ code: 'SCOPE_TIMEOUT', of: 'scope', timeout: 10 });
    expect(scope).toMatchObject({ expired: true, cancelled: true });
    const { cause } = error as ScopeTimeoutError;
    expect(cause).toBeInstanceOf(CancelledError);
    expect(cause?.reason).toEqual({ kind: 'timeout', of: 'scope', timeout: 10 });
    expect(cause).toBe(scope?.signal.reason);
  });

  it('TO.064 a checkpoint inside the block sees a CancelledError', async () => {
    const seen: unknown[] = [];
    const started = await startTask(async (task) => {
      await rejection(
        task.timeout(10, async (scope) => {
          const waits = [scope.sleep(10_000), scope.waitFor(new Promise(() => {}))];
          for (const result of await Promise.allSettled(waits)) {
            if (result.status === 'rejected') seen.push(result.reason);
          }
          throw seen[0];
        }),
      );
    });
    await expectEnd(started, 'completed');
    expect(seen).toHaveLength(2);
    expect(seen[0]).toBe(seen[1]);
    expect(seen[0]).toBeInstanceOf(CancelledError);
    expect(seen[0]).not.toBeInstanceOf(ScopeTimeoutError);
  });

  it('TO.065 a block that ends in time gives its value', async () => {
    using clock = new StoppedClock();
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      let scope: CancelScope | undefined;
      const value = await task.timeout(30, async (s) => {
        scope = s;
        trace.push(s.expired);
        expect(s.deadline).toBe(clock.epoch() + 30);
        await s.sleep(1);
        return 42;
      });
      await task.sleep(60);
      trace.push(scope?.expired, scope?.cancelled, scope?.signal.aborted);
      return value;
    });
    expect(await clock.until(expectEnd(started, 'completed'))).toMatchObject({ value: 42 });
    expect(trace).toEqual([false, false, false, false]);
  });

  it('TO.065 nor does it expire later, when something left running in it does', async () => {
    let outer: CancelScope | undefined;
    let left: Promise<unknown> | undefined;
    const started = await startTask(async (task) => {
      await task.timeout(10, async (scope) => {
        outer = scope;
        left = rejection(scope.timeout(30, (inner) => inner.sleep(60_000)));
      });
      await left;
    });
    await expectEnd(started, 'completed');
    expect(outer).toMatchObject({ expired: false, cancelled: false });
    expect(await left).toBeInstanceOf(ScopeTimeoutError);
  });

  it.each([null, Infinity])('TO.066 timeout(%p) never expires and has no deadline', async (ms) => {
    const started = await startTask((task) =>
      task.timeout(ms, async (scope) => {
        await scope.sleep(30);
        return [scope.deadline, scope.expired, scope.cancelled];
      }),
    );
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: [null, false, false] });
  });

  it.each([0, -1, -Infinity])('TO.067 timeout(%p) enters the body with an aborted signal', async (ms) => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      const error = await rejection(
        task.timeout(ms, async (scope) => {
          trace.push(scope.signal.aborted, scope.expired);
          await scope.sleep(1);
          trace.push('slept');
        }),
      );
      trace.push(task.cancelling);
      return (error as Error).name;
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 'ScopeTimeoutError' });
    expect(trace).toEqual([true, true, 0]);
  });

  it('TO.067 without a checkpoint its body gives its value', async () => {
    const started = await startTask((task) => task.timeout(0, async () => 'value'));
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 'value' });
  });

  it('TO.070 an unrelated error before the expiry passes as the same object', async () => {
    const failure = new RangeError('Broken');
    let scope: CancelScope | undefined;
    const started = await startTask(async (task) => {
      await task.timeout(60_000, async (s) => {
        scope = s;
        await s.sleep(1);
        throw failure;
      });
    });
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(failure);
    expect(scope).toMatchObject({ expired: false, cancelled: false });
  });

  it('TO.071 an unrelated error of the block’s finally passes as the same object after the expiry', async () => {
    const failure = new RangeError('Broken');
    let scope: CancelScope | undefined;
    const started = await startTask(async (task) => {
      await task.timeout(10, async (s) => {
        scope = s;
        try {
          await s.sleep(60_000);
        } finally {
          await Promise.reject(failure);
        }
      });
    });
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(failure);
    expect(outcome.cancellation).toBeUndefined();
    expect(scope).toMatchObject({ expired: true });
  });

  it('TO.072 a cancel of the task comes out of an unexpired block as the external cancellation', async () => {
    let scope: CancelScope | undefined;
    let thrown: unknown;
    const started = await startTask(async (task) => {
      thrown = await rejection(
        task.timeout(60_000, (s) => {
          scope = s;
          return s.sleep(60_000);
        }),
      );
      throw thrown;
    });
    await started.running;
    await started.handle.cancel({ detail: 'x' });
    const outcome = await expectEnd(started, 'cancelled');
    expect(thrown).toBeInstanceOf(CancelledError);
    expect((thrown as CancelledError).reason).toEqual({ kind: 'external', detail: 'x' });
    expect(thrown).toBe(outcome.error);
    expect(scope).toMatchObject({ expired: false, cancelled: true });
  });

  it('TO.072 the cancel of the task also wins over an expiry that came first', async () => {
    const cleaning = deferred();
    const go = deferred();
    let scope: CancelScope | undefined;
    let context: CancelScope | undefined;
    const started = await startTask(async (task) => {
      context = task;
      await task.timeout(5, async (s) => {
        scope = s;
        try {
          await s.sleep(60_000);
        } finally {
          cleaning.resolve();
          await go.promise;
        }
      });
    });
    await cleaning.promise;
    await started.handle.cancel();
    await takesEffect(() => expect(context?.cancelled).toBe(true));
    go.resolve();
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason?.kind).toBe('external');
    expect(scope).toMatchObject({ expired: true });
  });

  it('TO.073 a block that catches the expiry and returns 42 gives 42', async () => {
    let scope: CancelScope | undefined;
    const started = await startTask((task) =>
      task.timeout(10, async (s) => {
        scope = s;
        await rejection(s.sleep(60_000));
        return 42;
      }),
    );
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 42, swallowed: false });
    expect(scope).toMatchObject({ expired: true });
  });

  it('TO.074 it rejects only after the cleanup of the block', async () => {
    let cleaned = false;
    const started = await startTask(async (task) => {
      const error = await rejection(
        task.timeout(10, async (scope) => {
          try {
            await scope.sleep(60_000);
          } finally {
            await delay(40);
            cleaned = true;
          }
        }),
      );
      return [cleaned, (error as Error).name];
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: [true, 'ScopeTimeoutError'] });
  });

  it('TO.075 reschedule postpones, disarms and advances', async () => {
    using clock = new StoppedClock();
    const started = await startTask(async (task) => {
      const later = task.timeout(10, async (scope) => {
        scope.reschedule(60_000);
        expect(scope.deadline).toBeGreaterThan(Date.now() + 30_000);
        await scope.sleep(40);
        return 'later';
      });
      const never = task.timeout(10, async (scope) => {
        scope.reschedule(null);
        expect(scope.deadline).toBeNull();
        await scope.sleep(40);
        return 'never';
      });
      const infinite = task.timeout(10, async (scope) => {
        scope.reschedule(Infinity);
        expect(scope.deadline).toBeNull();
        await scope.sleep(40);
        return 'infinite';
      });
      const earlier = rejection(
        task.timeout(60_000, async (scope) => {
          scope.reschedule(20);
          await scope.sleep(60_000);
        }),
      ).then((error) => {
        expect(clock.now()).toBe(20);
        return (error as ScopeTimeoutError).timeout;
      });
      const now = rejection(
        task.timeout(60_000, async (scope) => {
          scope.reschedule(0);
          await scope.sleep(60_000);
        }),
      ).then((error) => (error as Error).name);
      return Promise.all([later, never, infinite, earlier, now]);
    });
    expect(await clock.until(expectEnd(started, 'completed'))).toMatchObject({
      value: ['later', 'never', 'infinite', 20, 'ScopeTimeoutError'],
    });
  });

  it('TO.079 a finished timeout scope leaves no timer, and a script with one exits at once', async () => {
    const before = referencedTimers();
    const started = await startTask(async (task) => {
      await task.timeout(60_000, async () => 'quick');
      await task.timeout(60_000, () => Promise.reject(new Error('Broken'))).catch(() => undefined);
      await task.shield(async () => 'quick', { timeout: 60_000 });
      return [referencedTimers() <= before, getEventListeners(task.signal, 'abort').length];
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: [true, 0] });

    const installed = new InstalledPackage(['cancellation']);
    const { code, stdout } = await installed.run(`
      import { runScope } from 'nestjs-streaming/cancellation';
      console.log(await runScope((scope) => scope.timeout(600_000, async () => 'quick')));
    `);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'quick\n' });
    installed[Symbol.dispose]();
  });

  it('TO.079 nor does the timeout scope of a handler that was abandoned keep the process', async () => {
    const before = referencedTimers();
    const go = deferred();
    const opened = deferred();
    const started = await startTask(
      async (task) => {
        void task.timeout(60_000, () => new Promise(() => {}));
        await go.promise;
        void task.timeout(60_000, () => new Promise(() => {}));
        opened.resolve();
        await new Promise(() => {});
      },
      { task: { grace: 20 } },
    );
    await started.running;
    await started.handle.cancel();
    expect(await expectEnd(started, 'cancelled')).toMatchObject({ abandoned: true });
    expect(referencedTimers()).toBeLessThanOrEqual(before);
    go.resolve();
    await opened.promise;
    expect(referencedTimers()).toBeLessThanOrEqual(before);
  });
});
