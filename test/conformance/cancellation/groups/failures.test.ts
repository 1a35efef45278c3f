import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, type CancelScope, type TaskContext } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

/** The errors of what a body rejects with, which has to be an AggregateError. */
async function errorsOf(promise: Promise<unknown>): Promise<unknown[]> {
  const error = await rejection(promise);
  expect(error).toBeInstanceOf(AggregateError);
  return (error as AggregateError).errors as unknown[];
}

/** Runs a body in a task, which must complete. */
async function inTask(body: (task: TaskContext) => Promise<void>): Promise<void> {
  const started = await startTask(body);
  await expectEnd(started, 'completed');
}

describe('TG. Task groups that fail', () => {
  it('TG.109 a child that throws cancels its sibling, and the group rejects with its error alone', async () => {
    const failure = new RangeError('Broken');
    let sibling: unknown;
    let after = false;
    const started = await startTask(async (task) => {
      await task.group(async (group) => {
        void group.spawn(async (scope) => {
          await scope.sleep(5);
          throw failure;
        });
        void group.spawn(async (scope) => {
          sibling = await rejection(scope.sleep(60_000));
          throw sibling;
        });
      });
      after = true;
    });
    const outcome = await expectEnd(started, 'failed');
    expect(after).toBe(false);
    expect(sibling).toBeInstanceOf(CancelledError);
    expect((sibling as CancelledError).reason.root).toEqual({ kind: 'sibling', error: failure });
    expect(outcome.error).toBeInstanceOf(AggregateError);
    const { errors, cause } = outcome.error as AggregateError;
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBe(failure);
    expect(cause).toBeUndefined();
    expect(outcome.cancellation).toBeUndefined();
  });

  it('TG.110 of three that fail in the same turn all errors are told; the fourth and the body see it', async () => {
    const failures = [new RangeError('a'), new TypeError('b'), new SyntaxError('c')];
    const seen: unknown[] = [];
    await inTask(async (task) => {
      const go = deferred();
      const errors = await errorsOf(
        task.group(async (group) => {
          for (const failure of failures) {
            void group.spawn(async () => {
              await go.promise;
              throw failure;
            });
          }
          void group.spawn(async (scope) => {
            const error = await rejection(scope.sleep(60_000));
            seen.push(error);
            throw error;
          });
          await group.sleep(1);
          go.resolve();
          const error = await rejection(group.sleep(60_000));
          seen.push(error);
          throw error;
        }),
      );
      expect(errors).toHaveLength(3);
      errors.forEach((error, index) => expect(error).toBe(failures[index]));
    });
    expect(seen).toHaveLength(2);
    expect(seen.every((error) => error instanceof CancelledError)).toBe(true);
  });

  it('TG.112 errors win: five children whose finally throws give an AggregateError of five', async () => {
    const failures = Array.from({ length: 5 }, (_, n) => new RangeError(`Broken ${n}`));
    const sleeping = deferred();
    const started = await startTask((task) =>
      task.group(async (group) => {
        for (const failure of failures) {
          void group.spawn(async (scope) => {
            try {
              await scope.sleep(60_000);
            } finally {
              await Promise.reject(failure);
            }
          });
        }
        await group.sleep(1);
        sleeping.resolve();
      }),
    );
    await sleeping.promise;
    await started.handle.cancel({ detail: 'x' });
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBeInstanceOf(AggregateError);
    const { errors, cause } = outcome.error as AggregateError;
    expect(errors).toEqual(failures);
    // What was cancelled too is not lost.
    expect(cause).toBe(outcome.cancellation);
    expect(outcome.cancellation?.reason).toEqual({ kind: 'external', detail: 'x' });
  });

  it('TG.112 errors win in the scopes around the group too', async () => {
    const failure = new RangeError('Broken');
    const failing = async (scope: CancelScope): Promise<void> => {
      try {
        await scope.sleep(60_000);
      } finally {
        await Promise.reject(failure);
      }
    };
    const group = (scope: CancelScope): Promise<unknown> => scope.group((inner) => inner.spawn(failing));
    await inTask(async (task) => {
      const absorbing = task.scope(async (scope) => {
        const running = group(scope);
        await scope.sleep(1);
        scope.cancel();
        return running;
      });
      expect(await errorsOf(absorbing)).toEqual([failure]);
      expect(await errorsOf(task.timeout(10, group))).toEqual([failure]);
      expect(await errorsOf(task.shield(group, { timeout: 10 }))).toEqual([failure]);
    });
  });

  it('TG.113 a body that throws cancels all children and waits for them; its error alone comes out', async () => {
    const failure = new RangeError('Broken');
    const cleaned: number[] = [];
    await inTask(async (task) => {
      const errors = await errorsOf(
        task.group(async (group) => {
          for (const n of [1, 2, 3]) {
            void group.spawn(async (scope) => {
              try {
                await scope.sleep(60_000);
              } finally {
                await delay(10);
                cleaned.push(n);
              }
            });
          }
          await group.sleep(1);
          throw failure;
        }),
      );
      expect(cleaned).toEqual([1, 2, 3]);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toBe(failure);
    });
  });

  it('TG.117 a failing child of the inner group: an AggregateError in an AggregateError', async () => {
    const failure = new RangeError('Broken');
    await inTask(async (task) => {
      const errors = await errorsOf(
        task.group(async (outer) => {
          void outer.spawn((scope) =>
            scope.group(async (inner) => {
              void inner.spawn(() => Promise.reject(failure));
            }),
          );
          await outer.sleep(60_000);
        }),
      );
      expect(errors).toHaveLength(1);
      expect(errors[0]).toBeInstanceOf(AggregateError);
      expect((errors[0] as AggregateError).errors).toEqual([failure]);
    });
  });

  it('TG.117 also when the outer group was cancelled by then', async () => {
    const failure = new RangeError('Broken');
    await inTask(async (task) => {
      const errors = await errorsOf(
        task.group(async (outer) => {
          void outer.spawn((scope) =>
            scope.group((inner) =>
              inner.spawn(async (own) => {
                try {
                  await own.sleep(60_000);
                } finally {
                  await Promise.reject(failure);
                }
              }),
            ),
          );
          await outer.sleep(1);
          outer.cancel();
        }),
      );
      expect(errors).toHaveLength(1);
      expect((errors[0] as AggregateError).errors).toEqual([failure]);
    });
  });

  it.each(['the body first', 'the child first'])(
    'TG.121 a child and the body that wait for the same, %s, throw one error',
    async (order) => {
      const failure = new RangeError('Broken');
      const broken = Promise.reject(failure);
      broken.catch(() => {});
      const [first, second] = [(): Promise<never> => broken, () => delay(5).then(() => broken)];
      const [child, body] = order === 'the child first' ? [first, second] : [second, first];
      await inTask(async (task) => {
        const errors = await errorsOf(
          task.group(async (group) => {
            void group.spawn(child);
            // A child that has not begun is not called any more.
            await group.yield();
            await body();
          }),
        );
        expect(errors).toEqual([failure]);
      });
    },
  );

  it('TG.121 a child throws A and the body’s finally B: both are told, A before B', async () => {
    const [a, b] = [new RangeError('A'), new TypeError('B')];
    await inTask(async (task) => {
      const errors = await errorsOf(
        task.group(async (group) => {
          void group.spawn(async (scope) => {
            await scope.sleep(1);
            throw a;
          });
          try {
            await group.sleep(60_000);
          } finally {
            await Promise.reject(b);
          }
        }),
      );
      expect(errors).toHaveLength(2);
      expect(errors[0]).toBe(a);
      expect(errors[1]).toBe(b);
    });
  });

  it('TG.121 the body’s is the last, also when a child fails after it', async () => {
    const [late, own] = [new RangeError('late'), new TypeError('body')];
    await inTask(async (task) => {
      const errors = await errorsOf(
        task.group(async (group) => {
          void group.spawn(async (scope) => {
            try {
              await scope.sleep(60_000);
            } finally {
              await delay(10);
              await Promise.reject(late);
            }
          });
          await group.sleep(1);
          throw own;
        }),
      );
      expect(errors).toEqual([late, own]);
    });
  });

  it('TG.121 a body that waited for the child that failed adds nothing', async () => {
    const failure = new RangeError('Broken');
    await inTask(async (task) => {
      const waiting = task.group((group) => group.spawn(() => Promise.reject(failure)));
      expect(await errorsOf(waiting)).toEqual([failure]);
    });
  });

  it('TG.135 failing children never are an unhandled rejection', async () => {
    // The suite fails on one, see test/support/setup.ts.
    const rejections: Promise<unknown>[] = [];
    await inTask(async (task) => {
      for (const observed of [true, false]) {
        await errorsOf(
          task.group(async (group) => {
            for (let n = 0; n < 10; n++) {
              const child = group.spawn(async (scope) => {
                await scope.sleep(n % 2);
                throw new RangeError(`Broken ${n}`);
              });
              if (observed) rejections.push(rejection(child));
            }
          }),
        );
      }
      // Nobody looks at what `all` leaves behind either.
      await rejection(task.all([() => Promise.reject(new Error('a')), () => Promise.reject(new Error('b'))]));
      await delay(5);
    });
    expect(await Promise.all(rejections)).toHaveLength(10);
  });
});
