import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, type CancelScope, ScopeTimeoutError } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

describe('SH. Shield', () => {
  it('SH.137 SH.138 what is under way finishes, and the next checkpoint throws the cancellation', async () => {
    using clock = new StoppedClock();
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      const value = await task.shield(async (scope) => {
        await scope.sleep(50);
        trace.push(task.cancelled, scope.signal.aborted, scope.cancelled, scope.reason);
        return 'saved';
      });
      trace.push(value);
      const error = await rejection(task.sleep(1));
      trace.push(error === task.signal.reason);
      expect(() => task.throwIfCancelled()).toThrow(error);
      throw error;
    });
    await started.running;
    await started.handle.cancel();
    const outcome = await clock.until(expectEnd(started, 'cancelled'));
    expect(clock.now()).toBe(50);
    expect(trace).toEqual([true, false, false, undefined, 'saved', true]);
    expect(outcome).toMatchObject({ swallowed: false, abandoned: false });
  });

  it('SH.139 entered when the task is cancelled already, its body runs to the end', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        const saved = await task.shield(async (scope) => {
          trace.push(scope.signal.aborted, scope.cancelled);
          await scope.sleep(10);
          await scope.yield();
          return scope.waitFor(delay(5, 'saved'));
        });
        trace.push(saved, task.cancelled);
      }
    });
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(trace).toEqual([false, false, 'saved', true]);
  });

  it('SH.139 with a timeout of its own it ends there', async () => {
    using clock = new StoppedClock();
    let error: unknown;
    let elapsed = 0;
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } catch (cancellation) {
        error = await rejection(task.shield((scope) => scope.sleep(60_000), { timeout: 20 }));
        elapsed = clock.now();
        throw cancellation;
      }
    });
    await started.running;
    await started.handle.cancel();
    await clock.until(expectEnd(started, 'cancelled'));
    expect(elapsed).toBe(20);
    expect(error).toBeInstanceOf(ScopeTimeoutError);
    expect(error).toMatchObject({ timeout: 20, of: 'scope' });
  });

  it('SH.141 an error inside passes as it is', async () => {
    const failure = new RangeError('Broken');
    const started = await startTask((task) => task.shield(() => Promise.reject(failure)));
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(failure);
  });

  it('SH.141 also while the task is cancelled, which then ends failed', async () => {
    const failure = new RangeError('Broken');
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await task.shield(async (scope) => {
          await scope.sleep(5);
          throw failure;
        });
      }
    });
    await started.running;
    await started.handle.cancel({ detail: 'x' });
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(failure);
    expect(outcome.cancellation?.reason).toEqual({ kind: 'external', detail: 'x' });
  });

  it('SH.143 a scope opened inside is not aborted by the cancellation of the task', async () => {
    const trace: unknown[] = [];
    const inside = deferred();
    const started = await startTask((task) =>
      task.shield((shield) =>
        shield.scope((scope) =>
          scope.timeout(60_000, (timeout) =>
            timeout.group(async (group) => {
              const child = group.spawn(async (own) => {
                await own.sleep(30);
                return own.signal.aborted;
              });
              inside.resolve();
              trace.push(await child, group.cancelled, timeout.cancelled, scope.cancelled, task.cancelled);
            }),
          ),
        ),
      ),
    );
    await inside.promise;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(trace).toEqual([false, false, false, false, true]);
  });

  it('SH.144 a scope inside can be cancelled directly, and only that', async () => {
    const trace: unknown[] = [];
    const started = await startTask((task) =>
      task.shield(async (shield) => {
        trace.push(
          await shield.scope(async (scope) => {
            scope.cancel();
            await scope.sleep(60_000);
          }),
        );
        trace.push(shield.cancelled, task.cancelled);
        await shield.sleep(1);
        return 'went on';
      }),
    );
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 'went on' });
    expect(trace).toEqual([undefined, false, false]);
  });

  it('SH.144 so can the shield itself', async () => {
    let scope: CancelScope | undefined;
    const started = await startTask(async (task) => {
      const error = await rejection(
        task.shield(async (shield) => {
          scope = shield;
          shield.cancel('enough');
          await shield.sleep(60_000);
        }),
      );
      expect(error).toBeInstanceOf(CancelledError);
      expect((error as CancelledError).reason).toEqual({ kind: 'self', detail: 'enough' });
      expect(error).toBe(scope?.signal.reason);
      return task.cancelling;
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 0 });
  });

  it('SH.148 beside a sleep in Promise.all the sleep rejects at once, and the shielded branch finishes', async () => {
    const finished = deferred<string>();
    let finishedBefore: boolean | undefined;
    const started = await startTask(async (task) => {
      let isFinished = false;
      try {
        await Promise.all([
          task.shield(async (scope) => {
            await scope.sleep(60);
            isFinished = true;
            finished.resolve('finished');
          }),
          task.sleep(60_000),
        ]);
      } catch (error) {
        finishedBefore = isFinished;
        await finished.promise;
        throw error;
      }
    });
    await started.running;
    await started.handle.cancel();
    expect(await finished.promise).toBe('finished');
    await expectEnd(started, 'cancelled');
    expect(finishedBefore).toBe(false);
  });
});
