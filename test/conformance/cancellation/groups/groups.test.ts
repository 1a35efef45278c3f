import { describe, expect, it } from '@jest/globals';
import { CancelledError, type CancelScope, ScopeEndedError, type TaskGroup } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

describe('TG. Task groups', () => {
  it('TG.106 waits for its children, whose promises give their results, and gives the body’s value', async () => {
    using clock = new StoppedClock();
    const started = await startTask(async (task) => {
      let promises: Promise<number>[] = [];
      const value = await task.group(async (group) => {
        const child = async (scope: CancelScope, ms: number, result: number): Promise<number> => {
          await scope.sleep(ms);
          return result;
        };
        promises = [
          group.spawn((scope) => child(scope, 30, 42)),
          group.spawn((scope) => child(scope, 10, 11)),
        ];
        return 'body';
      });
      expect(clock.now()).toBe(30);
      return [value, ...(await Promise.all(promises))];
    });
    expect(await clock.until(expectEnd(started, 'completed'))).toMatchObject({ value: ['body', 42, 11] });
  });

  it('TG.106 children begin in the next microtask, in scopes of their own', async () => {
    const trace: unknown[] = [];
    const started = await startTask((task) =>
      task.group(async (group) => {
        const scopes = new Set<CancelScope>([task, group]);
        const child = async (scope: CancelScope): Promise<void> => {
          trace.push('child');
          scopes.add(scope);
        };
        void group.spawn(child);
        void group.spawn(child);
        trace.push('body');
        await Promise.resolve();
        trace.push('microtask');
        await group.sleep(1);
        trace.push(scopes.size);
      }),
    );
    await expectEnd(started, 'completed');
    expect(trace).toEqual(['body', 'child', 'child', 'microtask', 4]);
  });

  it('TG.107 a child that the body spawns later is awaited too', async () => {
    let finished = false;
    const started = await startTask(async (task) => {
      await task.group(async (group) => {
        void group.spawn((scope) => scope.sleep(1));
        await group.sleep(10);
        void group.spawn(async (scope) => {
          await scope.sleep(20);
          finished = true;
        });
      });
      return finished;
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: true });
  });

  it('TG.108 a child cancelled through its own scope fails nobody', async () => {
    const started = await startTask(async (task) => {
      let cancelled: Promise<unknown> | undefined;
      let sibling: Promise<unknown> | undefined;
      const value = await task.group(async (group) => {
        const childScope = deferred<CancelScope>();
        cancelled = rejection(
          group.spawn(async (scope) => {
            childScope.resolve(scope);
            await scope.sleep(60_000);
          }),
        );
        sibling = group.spawn(async (scope) => {
          await scope.sleep(20);
          return scope.cancelled;
        });
        expect((await childScope.promise).cancel('not this one')).toBe(true);
        return 'body';
      });
      const error = await cancelled;
      expect(error).toBeInstanceOf(CancelledError);
      expect((error as CancelledError).reason).toEqual({ kind: 'self', detail: 'not this one' });
      return [value, await sibling];
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: ['body', false] });
  });

  it('TG.111 the task is cancelled: all five children see it, and one CancelledError comes out', async () => {
    const seen: unknown[] = [];
    let thrown: unknown;
    const started = await startTask(async (task) => {
      thrown = await rejection(
        task.group(async (group) => {
          for (let n = 0; n < 5; n++) {
            void group.spawn(async (scope) => {
              const error = await rejection(scope.sleep(60_000));
              seen.push((error as CancelledError).reason.root?.kind);
              throw error;
            });
          }
        }),
      );
      throw thrown;
    });
    await started.running;
    await new Promise(setImmediate);
    await started.handle.cancel({ detail: 'x' });
    const outcome = await expectEnd(started, 'cancelled');
    expect(seen).toEqual(Array<string>(5).fill('external'));
    expect(thrown).toBeInstanceOf(CancelledError);
    expect((thrown as CancelledError).reason).toEqual({ kind: 'external', detail: 'x' });
    expect(thrown).toBe(outcome.error);
  });

  it('TG.115 nested groups unwind, and one CancelledError with the external reason comes out', async () => {
    const trace: string[] = [];
    let thrown: unknown;
    const sleeping = deferred();
    const started = await startTask(async (task) => {
      const sleeper = async (scope: CancelScope, name: string): Promise<void> => {
        try {
          await scope.sleep(60_000);
        } finally {
          trace.push(name);
        }
      };
      thrown = await rejection(
        task.group(async (outer) => {
          void outer.spawn((scope) => sleeper(scope, 'outer child'));
          try {
            await outer.group(async (inner) => {
              void inner.spawn((scope) => sleeper(scope, 'inner child'));
              await inner.sleep(1);
              sleeping.resolve();
              await sleeper(inner, 'inner body');
            });
          } finally {
            trace.push('outer body');
          }
        }),
      );
      throw thrown;
    });
    await sleeping.promise;
    await started.handle.cancel({ detail: 'x' });
    const outcome = await expectEnd(started, 'cancelled');
    expect(trace.toSorted()).toEqual(['inner body', 'inner child', 'outer body', 'outer child']);
    expect(trace.at(-1)).toBe('outer body');
    expect((thrown as CancelledError).reason).toEqual({ kind: 'external', detail: 'x' });
    expect(thrown).toBe(outcome.error);
  });

  it('TG.119 a body without children that is cancelled gives a CancelledError; its finally ran', async () => {
    let cleaned = false;
    let thrown: unknown;
    const started = await startTask(async (task) => {
      thrown = await rejection(
        task.group(async (group) => {
          try {
            await group.sleep(60_000);
          } finally {
            cleaned = true;
          }
        }),
      );
      throw thrown;
    });
    await started.running;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    expect(cleaned).toBe(true);
    expect(thrown).toBe(outcome.error);
    expect(thrown).toBeInstanceOf(CancelledError);
  });

  it('TG.122 the task is cancelled while the body is done and the group waits for its children', async () => {
    const waiting = deferred();
    let seen: unknown;
    const started = await startTask((task) =>
      task.group(async (group) => {
        void group.spawn(async (scope) => {
          await scope.sleep(1);
          waiting.resolve();
          try {
            await scope.sleep(60_000);
          } finally {
            seen = scope.reason;
          }
        });
        return 'body';
      }),
    );
    await waiting.promise;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.swallowed).toBe(false);
    expect(seen).toEqual({ kind: 'parent', root: { kind: 'external' } });
  });

  it('TG.124 a child may spawn further children while the group is open', async () => {
    const trace: number[] = [];
    const started = await startTask(async (task) => {
      const value = await task.group(async (group) => {
        const generation = async (scope: CancelScope, n: number): Promise<void> => {
          await scope.sleep(2);
          trace.push(n);
          if (n < 5) void group.spawn((next) => generation(next, n + 1));
        };
        void group.spawn((scope) => generation(scope, 1));
        return 'body';
      });
      return [value, ...trace];
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: ['body', 1, 2, 3, 4, 5] });
  });

  it('TG.126 spawn throws once the group began to abort, and does not call the function', async () => {
    let calls = 0;
    const errors: unknown[] = [];
    const child = async (): Promise<void> => void calls++;
    const trySpawn = (group: TaskGroup): void => {
      try {
        void group.spawn(child);
      } catch (error) {
        errors.push(error);
      }
    };
    const started = await startTask(async (task) => {
      await task.group(async (group) => {
        group.cancel();
        trySpawn(group);
        expect(errors.at(-1)).toBe(group.signal.reason);
      });
      const failure = await rejection(
        task.group(async (group) => {
          void group.spawn(() => Promise.reject(new RangeError('Broken')));
          await rejection(group.sleep(60_000));
          trySpawn(group);
        }),
      );
      expect((failure as AggregateError).errors).toEqual([new RangeError('Broken')]);
      await new Promise(setImmediate);
      return calls;
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 0 });
    expect(errors).toHaveLength(2);
    expect(errors.map((error) => (error as CancelledError).reason.kind)).toEqual(['self', 'sibling']);
  });

  it('TG.126 a child that was spawned and not begun when the group aborts is not called either', async () => {
    let calls = 0;
    const started = await startTask(async (task) => {
      let spawned: Promise<unknown> | undefined;
      await task.group(async (group) => {
        spawned = rejection(group.spawn(async () => ++calls));
        group.cancel();
      });
      return [(await spawned) instanceof CancelledError, calls];
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: [true, 0] });
  });

  it('TG.127 spawn throws after the group has ended, and does not call the function', async () => {
    let calls = 0;
    const child = async (): Promise<void> => void calls++;
    const started = await startTask(async (task) => {
      const ended: TaskGroup[] = [];
      await task.group(async (group) => void ended.push(group));
      await task.group(async (group) => {
        ended.push(group);
        group.cancel();
      });
      for (const group of ended) {
        expect(() => group.spawn(child)).toThrow(ScopeEndedError);
        expect(() => group.spawn(child, { name: 'late' })).toThrow(/spawn\(\).*"late"/);
      }
      await new Promise(setImmediate);
      return calls;
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 0 });
  });

  it('TG.128 group.cancel() by the body cancels children and body, and the group is undefined', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      let ended: TaskGroup | undefined;
      const value = await task.group(async (group) => {
        ended = group;
        void group.spawn(async (scope) => {
          const error = await rejection(scope.sleep(60_000));
          trace.push((error as CancelledError).reason.root?.detail);
          throw error;
        });
        await group.sleep(1);
        trace.push(group.cancel('enough'), group.cancel('again'));
        await group.sleep(60_000);
        return 'not reached';
      });
      trace.push(value, ended?.cancel(), task.cancelling);
      await task.sleep(1);
      return 'went on';
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 'went on' });
    expect(trace).toEqual([true, false, 'enough', undefined, false, 0]);
  });

  it('TG.132 children that finish normally do not hide that the task is cancelled', async () => {
    const running = deferred();
    let thrown: unknown;
    const started = await startTask(async (task) => {
      thrown = await rejection(
        task.group(async (group) => {
          const stubborn = async (scope: CancelScope): Promise<string> => {
            await scope.sleep(20).catch(() => undefined);
            return 'finished';
          };
          void group.spawn(stubborn);
          void group.spawn(stubborn);
          running.resolve();
          return 'body';
        }),
      );
      throw thrown;
    });
    await running.promise;
    await started.handle.cancel({ detail: 'x' });
    await expectEnd(started, 'cancelled');
    expect((thrown as CancelledError).reason).toEqual({ kind: 'external', detail: 'x' });
  });

  it('TG.134 without children it is the body’s value', async () => {
    const started = await startTask((task) => task.group(async () => 42));
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 42 });
  });
});
