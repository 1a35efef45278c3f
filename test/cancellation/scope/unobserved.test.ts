import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { type CancelScope, runScope, type TaskContext } from 'nestjs-streaming';
import { runProcess } from 'nestjs-streaming/process';
import { endWithScope, runIn } from '../../../lib/cancellation/scope/run-external.js';
import { startTask } from '../../support/app.js';
import { deferred } from '../../support/wait.js';

const waits: Record<string, (task: TaskContext) => Promise<unknown>> = {
  sleep: (task) => task.sleep(60_000),
  yield: (task) => task.yield(),
  waitFor: (task) => task.waitFor(new Promise(() => {})),
  waitForSignal: (task) => task.waitForSignal('never'),
  timeout: (task) => task.timeout(60_000, (scope) => scope.sleep(60_000)),
  scope: (task) => task.scope((scope) => scope.sleep(60_000)),
  group: (task) => task.group(async (group) => group.spawn((scope) => scope.sleep(60_000))),
  all: (task) => task.all([(scope) => scope.sleep(60_000)]),
  shield: (task) => task.shield((scope) => scope.sleep(60_000), { timeout: 60_000 }),
  retry: (task) => task.retry({ attempts: 2 }, (scope) => scope.sleep(60_000)),
  runProcess: (task) => runProcess(task, 'sleep', ['60']),
  'a scope in a scope': (task) =>
    task.timeout(60_000, (scope) => scope.timeout(60_000, (inner) => inner.sleep(60_000))),
};

// What is unhandled fails the test during which it comes up.
describe('a promise that rejects only by a cancellation', () => {
  it.each(Object.entries(waits))(
    '%s: is no unhandled rejection when it is not awaited',
    async (_what, wait) => {
      const { handle, running } = await startTask(async (task) => {
        void wait(task);
        await task.sleep(60_000);
      });
      await running;
      await handle.cancel();
      expect((await handle.outcome).status).toBe('cancelled');
      await delay(1);
    },
  );

  it.each(Object.entries(waits))('%s: nor in a task that is cancelled already', async (_what, wait) => {
    const { handle, running } = await startTask(async (task) => {
      await task.sleep(60_000).catch(() => {});
      void wait(task);
      task.throwIfCancelled();
    });
    await running;
    await handle.cancel();
    expect((await handle.outcome).status).toBe('cancelled');
    await delay(1);
  });

  it('nor is work outside of this thread that ends when its cancellation has been withdrawn', async () => {
    const stopped = deferred<unknown>();
    const mayEnd = deferred();
    const ended = deferred();
    const end = async (): Promise<never> => {
      const error = await stopped.promise;
      await mayEnd.promise;
      setImmediate(ended.resolve);
      throw error;
    };
    const { handle, running } = await startTask(async (task) => {
      void runIn(task, () => endWithScope(task, { stop: stopped.resolve, end }));
      await task.sleep(60_000).catch(() => task.uncancel());
      mayEnd.resolve();
      await ended.promise;
      return 'went on';
    });
    await running;
    await handle.cancel();
    expect(await handle.result).toBe('went on');
  });

  it('nor one of a scope that was cancelled by itself', async () => {
    await runScope(async (root) => {
      void root.timeout(60_000, async (scope) => {
        scope.cancel();
        await scope.sleep(1);
      });
      await root.sleep(5);
    });
  });
});

describe('a callback that returns a promise which rejects', () => {
  it('onCancel(): is logged as one that throws', async () => {
    const { handle, running, logs } = await startTask(async (task) => {
      const callback: () => unknown = () => Promise.reject(new Error('async onCancel'));
      task.onCancel(callback);
      await task.sleep(60_000);
    });
    await running;
    await handle.cancel();
    await handle.outcome;
    await delay(1);
    expect(logs.errors).toEqual([expect.stringContaining('async onCancel')]);
  });
});

describe('what is left in a scope that has ended', () => {
  const leave: Record<string, (scope: CancelScope) => void> = {
    scope: (scope) => void scope.scope((inner) => inner.sleep(60_000)),
    timeout: (scope) => void scope.timeout(60_000, (inner) => inner.sleep(60_000)),
    group: (scope) => void scope.group(async (group) => void group.spawn((inner) => inner.sleep(60_000))),
    all: (scope) => void scope.all([(inner) => inner.sleep(60_000)]),
    shield: (scope) => void scope.shield((inner) => inner.scope((deep) => deep.sleep(60_000))),
    retry: (scope) => void scope.retry({ attempts: 2, timeout: 60_000 }, (inner) => inner.sleep(60_000)),
  };
  it.each(Object.entries(leave))(
    '%s: a cancellation of the task is no unhandled rejection there',
    async (_what, left) => {
      const { handle, running } = await startTask(async (task) => {
        await task.scope(async (scope) => left(scope));
        await task.timeout(60_000, async (scope) => left(scope));
        await task.sleep(60_000);
      });
      await running;
      await delay(1);
      await handle.cancel();
      expect((await handle.outcome).status).toBe('cancelled');
      await delay(1);
    },
  );

  it('nor is the end of its own time, when the task has ended', async () => {
    const { handle, logs } = await startTask(
      async (task) => {
        void task.timeout(5, (scope) => scope.sleep(60_000));
      },
      { task: { grace: 5 } },
    );
    expect((await handle.outcome).status).toBe('completed');
    await delay(50);
    expect(logs.warnings).toEqual([]);
  });

  it('nor is one that was withdrawn at once', async () => {
    const { handle } = await startTask(async (task) => {
      for (const left of Object.values(leave)) left(task);
      task.cancel();
      task.uncancel();
      await task.sleep(5);
    });
    expect((await handle.outcome).status).toBe('completed');
  });
});
