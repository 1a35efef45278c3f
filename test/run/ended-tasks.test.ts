import { describe, expect, it } from '@jest/globals';
import { TaskFailedError, TooManySignalsError, type TaskContext } from 'nestjs-streaming';
import { Mortals } from '../cancellation/gc.js';
import { TaskStore } from '../../lib/engine/local/task-store.js';
import { collect, createTaskApp, handlerTask, startTask } from '../support/app.js';

class LargeError extends Error {
  override readonly name = 'LargeError';
  readonly response = { body: 'x' };
}

describe('what is kept of a task that has ended', () => {
  it('an error is let go when no handle is left; a handle that is made later has it in words', async () => {
    const mortals = new Mortals();
    const Failing = handlerTask(() => {
      const error = new LargeError('no such file');
      mortals.add(error.response);
      throw error;
    });
    const { coordinator } = await createTaskApp({ tasks: [Failing], listen: false });
    await (async () => {
      const handle = await coordinator.start(Failing, {}, { id: 'one' });
      await expect(handle.result).rejects.toBeInstanceOf(LargeError);
      const again = await coordinator.start(Failing, {}, { id: 'one' });
      await expect(again.result).rejects.toBeInstanceOf(LargeError);
    })();
    expect(await mortals.left()).toBe(0);
    const later = await coordinator.start(Failing, {}, { id: 'one' });
    const error: unknown = await later.result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({ message: 'no such file', errorType: 'LargeError', code: 'TASK_FAILED' });
    expect((await later.snapshot()).error).toEqual({ message: 'no such file', errorType: 'LargeError' });
  });

  it('its clocks are let go', async () => {
    const mortals = new Mortals();
    const Idle = handlerTask(() => 'done', { timeout: 60_000, idleTimeout: 60_000 });
    const { app, coordinator } = await createTaskApp({ tasks: [Idle], listen: false });
    const ref = await (async () => {
      const handle = await coordinator.start(Idle, {}, { id: 'one' });
      mortals.add(app.get(TaskStore).find(handle.ref)!.time);
      await handle.outcome;
      return handle.ref;
    })();
    expect(await mortals.left()).toBe(0);
    expect(app.get(TaskStore).find(ref)).toBeDefined();
  });

  it('what the application has put on the error of a cancellation is let go', async () => {
    const mortals = new Mortals();
    const Decorating = handlerTask(async (task: TaskContext) => {
      await task.sleep(60_000).catch((error: unknown) => {
        const response = { body: 'x' };
        mortals.add(response);
        throw Object.assign(error as Error, { response });
      });
    });
    const { coordinator } = await createTaskApp({ tasks: [Decorating], listen: false });
    await (async () => {
      const handle = await coordinator.start(Decorating, {}, { id: 'one' });
      await collect(handle.events()).until('started');
      expect(await handle.cancel({ wait: 'settled' })).toBe(true);
    })();
    expect(await mortals.left()).toBe(0);
    const later = await coordinator.start(Decorating, {}, { id: 'one' });
    expect((await later.outcome).error).toMatchObject({
      name: 'CancelledError',
      reason: { kind: 'external' },
    });
  });

  it.each(['cancelled', 'timeout', 'completed'] as const)(
    'the outcome of one that ended %s is there later',
    async (status) => {
      const Work = handlerTask(
        async (task: TaskContext) => {
          if (status !== 'completed') await task.sleep(60_000);
          return { done: true };
        },
        { timeout: status === 'timeout' ? 5 : null },
      );
      const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
      await (async () => {
        const handle = await coordinator.start(Work, {}, { id: 'one' });
        if (status === 'cancelled') await handle.cancel({ detail: 'enough' });
        await handle.outcome;
      })();
      // What is kept is asked for, not what a handle still holds.
      await new Mortals().left();
      const later = await coordinator.start(Work, {}, { id: 'one' });
      expect(later.created).toBe(false);
      const { value, error, ...facts } = await later.outcome;
      expect(facts.status).toBe(status);
      expect(value).toEqual(status === 'completed' ? { done: true } : undefined);
      const names = { cancelled: 'CancelledError', timeout: 'TaskTimeoutError', completed: undefined };
      expect((error as Error | undefined)?.name).toBe(names[status]);
      if (status === 'cancelled') expect(facts.reason).toEqual({ kind: 'external', detail: 'enough' });
    },
  );
});

describe('signals that a task does not take', () => {
  it('count in bytes, of all tasks together, and make no room that they do not have', async () => {
    const Work = handlerTask((task: TaskContext) => task.sleep(60_000));
    const { coordinator } = await createTaskApp({
      tasks: [Work],
      listen: false,
      options: { replay: { totalBytes: 4_096 }, tasks: { maxEventBytes: 1_024 } },
    });
    const [one, two] = [await coordinator.start(Work, {}), await coordinator.start(Work, {})];
    const text = 'x'.repeat(1_000);
    for (let n = 0; n < 2; n++) {
      expect(await coordinator.signal(one.ref, 'go', text)).toBe(true);
      expect(await coordinator.signal(two.ref, 'go', text)).toBe(true);
    }
    await expect(coordinator.signal(two.ref, 'go', text)).rejects.toBeInstanceOf(TooManySignalsError);
    await one.cancel({ wait: 'settled' });
    expect(await coordinator.signal(two.ref, 'go', text)).toBe(true);
  });

  it('are handed over as they came, each a value of its own', async () => {
    const { handle, taskApp } = await startTask(async (task) => {
      await task.sleep(5);
      return [await task.waitForSignal('go'), await task.waitForSignal('go')];
    });
    const data = { n: 1 };
    await taskApp.coordinator.signal(handle.ref, 'go', data);
    data.n = 2;
    await taskApp.coordinator.signal(handle.ref, 'go', data);
    expect(await handle.result).toEqual([{ n: 1 }, { n: 2 }]);
  });
});

describe('a place', () => {
  it('is free when the terminal event is seen', async () => {
    const One = handlerTask(() => 1, { concurrency: 1, maxPending: 0 });
    const { coordinator } = await createTaskApp({ tasks: [One], listen: false });
    const handle = await coordinator.start(One, {});
    const next = new Promise<boolean>((resolve, reject) => {
      handle.events().subscribe(({ type }) => {
        if (type === 'completed') coordinator.start(One, {}).then(({ created }) => resolve(created), reject);
      });
    });
    expect(await next).toBe(true);
  });
});
