import { describe, expect, it } from '@jest/globals';
import { CommitAbandonedError, type CancelScope, type TaskContext, TaskEndedError } from 'nestjs-streaming';
import { createTaskApp, handlerTask, startTask } from '../support/app.js';
import { deferred } from '../support/wait.js';

describe('task.commit()', () => {
  it('from its first step on a cancel is refused, by code and over HTTP, and the task completes', async () => {
    const [inside, go] = [deferred(), deferred()];
    const { handle, taskApp } = await startTask(
      async (task) => {
        const receipt = await task.commit(async (scope) => {
          inside.resolve();
          await scope.waitFor(go.promise);
          return scope.signal.aborted;
        });
        await task.sleep(1);
        return { receipt, cancelled: task.cancelled, self: task.cancel() };
      },
      { listen: true },
    );
    await inside.promise;
    expect(await handle.cancel()).toBe(false);
    const { app, name, id } = handle.ref;
    const answer = await fetch(`${taskApp.url}/${app}/${name}/${id}`, { method: 'DELETE' });
    expect([answer.status, await answer.json()]).toMatchObject([
      409,
      { code: 'TASK_ENDED', message: expect.stringContaining('can no longer be cancelled') },
    ]);
    expect((await handle.snapshot()).status).toBe('running');
    go.resolve();
    expect(await handle.outcome).toMatchObject({
      status: 'completed',
      value: { receipt: false, cancelled: false, self: false },
      requests: [],
    });
  });

  it('throws when the task is cancelled already, and the body is not entered', async () => {
    let entered = false;
    const { handle, running } = await startTask(async (task) => {
      await task.sleep(60_000).catch(() => {});
      await task.commit(async () => {
        entered = true;
      });
    });
    await running;
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(entered).toBe(false);
  });

  it('one that comes after a cancel passes no point of no return: the grace and further cancels count', async () => {
    let again: boolean | undefined;
    const { handle, running, logs } = await startTask(
      async (task) => {
        await task.sleep(60_000).catch(() => {});
        await task.commit(async () => {}).catch(() => {});
        again = task.cancel();
        await new Promise(() => {});
      },
      { task: { grace: 20 } },
    );
    await running;
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', abandoned: true });
    expect(again).toBe(true);
    expect(logs.warnings).toEqual([expect.stringContaining('ignored its signal and was abandoned')]);
  });

  it.each([
    ['timeout', { timeout: 20 }],
    ['idleTimeout', { idleTimeout: 20 }],
    ['cancelWhenUnwatched', { cancelWhenUnwatched: 20 }],
  ])('%s no longer counts', async (_what, task) => {
    const Work = handlerTask(
      (context: TaskContext) =>
        context.commit(async (scope) => {
          await scope.sleep(60);
          return context.deadline;
        }),
      task,
    );
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const handle = await coordinator.start(Work, {});
    expect(await handle.outcome).toMatchObject({ status: 'completed', value: null });
  });

  it('a body that throws makes the task fail, or be tried again; then a cancel counts as ever', async () => {
    const failed = await startTask((task) => task.commit(() => Promise.reject(new Error('Declined'))));
    expect(await failed.handle.outcome).toMatchObject({ status: 'failed', error: { message: 'Declined' } });
    const { handle, events } = await startTask(
      async (task) => {
        if (task.attempt === 1) await task.commit(() => Promise.reject(new Error('Busy')));
        await task.sleep(60_000);
      },
      { task: { attempts: 2, backoff: 0 } },
    );
    await events.until(({ type, data }) => type === 'started' && (data as { attempt: number }).attempt === 2);
    expect(await handle.cancel()).toBe(true);
    expect((await handle.outcome).status).toBe('cancelled');
  });

  it('a shutdown waits for it, and no longer than the grace', async () => {
    const inside = deferred();
    const { handle, coordinator } = await startTask(async (task) => {
      await task.commit(async (scope) => {
        inside.resolve();
        await scope.sleep(40);
      });
      return 'done';
    });
    await inside.promise;
    expect(await coordinator.shutdown({ timeout: 5_000 })).toMatchObject({ completed: 1, abandoned: [] });
    expect(await handle.result).toBe('done');
  });

  it('one that does not end within the grace is abandoned by a shutdown, and says so', async () => {
    const inside = deferred();
    const { handle, coordinator, events, logs } = await startTask(
      (task) =>
        task.commit(async () => {
          inside.resolve();
          await new Promise(() => {});
        }),
      { task: { grace: 20, attempts: 3 } },
    );
    await inside.promise;
    expect(await coordinator.shutdown({ timeout: 5_000 })).toMatchObject({
      failed: 1,
      abandoned: [expect.stringContaining(handle.id)],
    });
    const { status, error, abandoned } = await handle.outcome;
    expect([status, abandoned]).toEqual(['failed', true]);
    expect(error).toBeInstanceOf(CommitAbandonedError);
    expect((await events.done).at(-1)?.type).toBe('failed');
    expect(logs.warnings).toContainEqual(expect.stringContaining('was still past its task.commit()'));
  });

  it('one that fails while the application closes is not tried again', async () => {
    const [inside, fail] = [deferred(), deferred()];
    const { handle, coordinator } = await startTask(
      (task) =>
        task.commit(async () => {
          inside.resolve();
          await fail.promise;
          throw new Error('Declined');
        }),
      { task: { attempts: 5, backoff: 0 } },
    );
    await inside.promise;
    const closed = coordinator.shutdown();
    fail.resolve();
    expect(await closed).toMatchObject({ failed: 1 });
    expect((await handle.snapshot()).attempt).toBe(1);
  });

  it('is protected in a group whose other child fails, and throws after the end', async () => {
    let context: TaskContext | undefined;
    let committed: CancelScope | undefined;
    const { handle } = await startTask(async (task) => {
      context = task;
      await task.all([
        () =>
          task.commit(async (scope) => {
            committed = scope;
            await scope.sleep(10);
          }),
        () => Promise.reject(new Error('The other one')),
      ]);
    });
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { message: 'The other one' } });
    expect(committed?.cancelled).toBe(false);
    await expect(context?.commit(async () => 1)).rejects.toBeInstanceOf(TaskEndedError);
  });

  it('the timeout of the whole run counts again in the next try, the time of the commit included', async () => {
    const { handle } = await startTask(
      async (task) => {
        if (task.attempt === 1) {
          await task.commit(async (scope) => {
            await scope.sleep(10);
            throw new Error('Busy');
          });
        }
        await task.sleep(60_000);
      },
      { task: { attempts: 2, backoff: 0, timeout: 60 } },
    );
    expect(await handle.outcome).toMatchObject({ status: 'timeout', reason: { of: 'total', timeout: 60 } });
  });

  it('one in cleanup, or of an earlier try, is only a shield', async () => {
    const { handle } = await startTask(
      async (task) => {
        if (task.attempt === 1) {
          task.defer(() => task.commit(async () => {}));
          throw new Error('Busy');
        }
        await task.sleep(60_000);
      },
      { task: { attempts: 2, backoff: 0, timeout: 40 } },
    );
    expect(await handle.outcome).toMatchObject({ status: 'timeout', reason: { of: 'total' } });
  });
});
