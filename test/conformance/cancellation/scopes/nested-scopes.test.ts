import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, type CancelScope, ScopeTimeoutError, type TaskContext } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { expectEnd, rejection } from '../expect-end.js';
import { stopwatch } from '../timing.js';

describe('NS. Nested scopes', () => {
  it('NS.088 of two timeouts with the same deadline only the outer one throws a ScopeTimeoutError', async () => {
    const started = await startTask(async (task) => {
      for (let round = 0; round < 20; round++) {
        let outer: CancelScope | undefined;
        let inner: CancelScope | undefined;
        let passed: unknown;
        const error = await rejection(
          task.timeout(5, async (a) => {
            outer = a;
            passed = await rejection(
              a.timeout(5, (b) => {
                inner = b;
                return b.sleep(60_000);
              }),
            );
            throw passed;
          }),
        );
        expect(error).toBeInstanceOf(ScopeTimeoutError);
        expect(passed).toBeInstanceOf(CancelledError);
        expect([outer?.expired, inner?.expired]).toEqual([true, false]);
        expect(inner?.reason).toEqual({
          kind: 'parent',
          root: { kind: 'timeout', of: 'scope', timeout: 5 },
        });
      }
    });
    await expectEnd(started, 'completed');
  });

  it('NS.088 also when the loop was blocked until both were due, whichever timer fires first', async () => {
    const names: unknown[] = [];
    const block = (ms: number): void => {
      const watch = stopwatch();
      while (watch.elapsed < ms);
    };
    const expired = async (task: TaskContext, outerMs: number, innerMs: number): Promise<unknown> => {
      let inner: Promise<unknown> | undefined;
      const outer = rejection(
        task.timeout(outerMs, async (a) => {
          inner = rejection(a.timeout(innerMs, (b) => b.sleep(60_000)));
          block(Math.max(outerMs, innerMs) + 10);
          throw await inner;
        }),
      );
      return [((await outer) as Error).name, ((await inner) as Error).name];
    };
    const started = await startTask(async (task) => {
      names.push(await expired(task, 10, 10));
      // The outer deadline is the earlier one, and its timer the younger one.
      const rescheduled = rejection(
        task.timeout(60_000, async (a) => {
          const inner = rejection(a.timeout(20, (b) => b.sleep(60_000)));
          a.reschedule(15);
          block(40);
          throw await inner;
        }),
      );
      names.push(((await rescheduled) as Error).name);
    });
    await expectEnd(started, 'completed');
    expect(names).toEqual([['ScopeTimeoutError', 'CancelledError'], 'ScopeTimeoutError']);
  });

  it('NS.088 the task’s own timeout is the outermost', async () => {
    let scope: CancelScope | undefined;
    const started = await startTask(
      (task) =>
        task.timeout(20, (s) => {
          scope = s;
          return s.sleep(60_000);
        }),
      { task: { timeout: 20 } },
    );
    const outcome = await expectEnd(started, 'timeout');
    expect(outcome.reason).toEqual({ kind: 'timeout', of: 'total', timeout: 20 });
    expect(scope).toMatchObject({ expired: false, cancelled: true });
  });

  it('NS.089 with the inner deadline first, the outer block may catch it and go on', async () => {
    let outer: CancelScope | undefined;
    const started = await startTask((task) =>
      task.timeout(60_000, async (a) => {
        outer = a;
        const error = await rejection(a.timeout(10, (b) => b.sleep(60_000)));
        expect(error).toBeInstanceOf(ScopeTimeoutError);
        expect((error as ScopeTimeoutError).timeout).toBe(10);
        await a.sleep(5);
        return 'went on';
      }),
    );
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 'went on' });
    expect(outer).toMatchObject({ expired: false, cancelled: false });
  });

  it('NS.090 with the outer deadline first, the inner one passes a CancelledError on', async () => {
    let passed: unknown;
    let inner: CancelScope | undefined;
    const started = await startTask(async (task) => {
      const error = await rejection(
        task.timeout(10, async (a) => {
          passed = await rejection(
            a.timeout(60_000, (b) => {
              inner = b;
              return b.sleep(60_000);
            }),
          );
          throw passed;
        }),
      );
      expect(error).toBeInstanceOf(ScopeTimeoutError);
      expect((error as ScopeTimeoutError).timeout).toBe(10);
      expect((error as ScopeTimeoutError).cause).toBe(passed);
      return 'went on';
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 'went on' });
    expect(passed).toBeInstanceOf(CancelledError);
    expect(inner).toMatchObject({ expired: false, cancelled: true });
  });

  it('NS.093 of three scopes, the two inner ones cancelled, the middle one absorbs it', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      const value = await task.scope(async (outermost) => {
        const absorbed = await outermost.scope(async (middle) => {
          try {
            await middle.scope(async (innermost) => {
              trace.push(innermost.cancel(), middle.cancel());
              await innermost.sleep(60_000);
            });
            trace.push('not reached');
          } catch (error) {
            trace.push(error === middle.signal.reason);
            throw error;
          }
        });
        trace.push(absorbed, outermost.cancelled);
        await outermost.sleep(1);
        return 'not affected';
      });
      trace.push(value, task.cancelling);
    });
    await expectEnd(started, 'completed');
    expect(trace).toEqual([true, true, true, undefined, false, 'not affected', 0]);
  });

  it('NS.094 a scope that is cancelled and left without a checkpoint disturbs nothing', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      trace.push(
        await task.scope(async (scope) => {
          scope.cancel();
          return 'discarded';
        }),
      );
      await task.sleep(1);
      task.throwIfCancelled();
      trace.push(await task.scope(async (scope) => scope.sleep(1).then(() => 'next')));
    });
    await expectEnd(started, 'completed');
    expect(trace).toEqual([undefined, 'next']);
  });

  it('NS.096 cancel on a finished or cancelled scope is false and changes nothing', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      let finished: CancelScope | undefined;
      await task.scope(async (scope) => {
        finished = scope;
      });
      trace.push([finished?.cancel('late'), finished?.cancelled, finished?.reason, finished?.signal.aborted]);

      let cancelled: CancelScope | undefined;
      await task.scope(async (scope) => {
        cancelled = scope;
        const first = scope.cancel('first');
        const reason: unknown = scope.signal.reason;
        const second = scope.cancel('second');
        trace.push([first, second, scope.signal.reason === reason, scope.reason?.detail]);
      });
      trace.push([cancelled?.cancel(), cancelled?.reason?.detail]);

      const states: unknown[] = [];
      const expired = await rejection(
        task.timeout(5, async (scope) => {
          await rejection(scope.sleep(60_000));
          states.push(scope.cancel(), scope.reason?.kind);
          scope.throwIfCancelled();
        }),
      );
      trace.push([...states, (expired as Error).name]);
    });
    await expectEnd(started, 'completed');
    expect(trace).toEqual([
      [false, false, undefined, false],
      [true, false, true, 'first'],
      [false, 'first'],
      [false, 'timeout', 'ScopeTimeoutError'],
    ]);
  });

  it('NS.096 the detail of a scope’s cancel is cut as that of a task', async () => {
    const started = await startTask((task) =>
      task.scope(async (scope) => {
        scope.cancel('x'.repeat(600));
        expect(scope.reason?.detail).toBe('x'.repeat(500));
      }),
    );
    await expectEnd(started, 'completed');
  });

  it('NS.104 a caught timeout or group failure leaves no trace on the task', async () => {
    const started = await startTask(async (task) => {
      await rejection(task.timeout(5, (scope) => scope.sleep(60_000)));
      const afterTimeout = [task.cancelling, task.signal.aborted, task.cancelled];
      const error = await rejection(
        task.group(async (group) => {
          void group.spawn(() => Promise.reject(new RangeError('Broken')));
          await group.sleep(60_000);
        }),
      );
      expect(error).toBeInstanceOf(AggregateError);
      await delay(5);
      await task.sleep(1);
      return [...afterTimeout, task.cancelling, task.signal.aborted, task.cancelled];
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({
      value: [0, false, false, 0, false, false],
    });
  });
});
