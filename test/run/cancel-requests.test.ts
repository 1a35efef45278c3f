import { describe, expect, it } from '@jest/globals';
import { ScopeTimeoutError, type TaskContext } from 'nestjs-streaming';
import { getEventListeners } from 'node:events';
import { expectEnd, rejection } from '../conformance/cancellation/expect-end.js';
import { createTaskApp, handlerTask, startTask } from '../support/app.js';
import { StoppedClock } from '../support/stopped-clock.js';

const many = 1_200;

describe('requests to cancel', () => {
  it('a task can still be cancelled after more requests than are kept were withdrawn', async () => {
    const started = await startTask(async (task: TaskContext) => {
      for (let n = 0; n < many; n++) {
        task.cancel();
        task.uncancel();
      }
      await task.sleep(60_000);
    });
    await started.running;
    expect(await started.handle.cancel({ detail: 'enough' })).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason).toEqual({ kind: 'external', detail: 'enough' });
  });

  it('one that cannot be withdrawn counts however many stand before it', async () => {
    const started = await startTask(
      async (task: TaskContext) => {
        await rejection(task.sleep(60_000));
        for (let n = 0; n < 2 * many; n++) task.uncancel();
        return task.cancelling;
      },
      { options: { shutdown: { timeout: 2_000 } } },
    );
    await started.running;
    const [{ handle }, { coordinator }] = [started, started];
    const accepted = Array.from({ length: many }, () => handle.cancel());
    const closing = coordinator.shutdown();
    expect((await Promise.all(accepted)).every(Boolean)).toBe(true);
    expect(await closing).toMatchObject({ cancelled: 1, completed: 0 });
    expect((await handle.outcome).discardedValue).toBe(1);
  });

  it.each<['cancelWhenUnwatched' | 'idleTimeout', object]>([
    ['cancelWhenUnwatched', { status: 'cancelled', reason: { kind: 'unwatched' } }],
    ['idleTimeout', { status: 'timeout', reason: { kind: 'timeout', of: 'idle' } }],
  ])('%s counts again from an uncancel() on', async (option, expected) => {
    using clock = new StoppedClock();
    const Task = handlerTask(
      async (task) => {
        await rejection(task.sleep(60_000));
        await task.shield((scope) => scope.sleep(80));
        task.uncancel();
        await task.sleep(60_000);
      },
      { [option]: 50 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const handle = await coordinator.start(Task, {});
    await clock.advance(10);
    expect(await handle.cancel()).toBe(true);
    expect(await clock.until(handle.outcome)).toMatchObject(expected);
    expect(clock.now()).toBe(10 + 80 + 50);
  });

  it('a timeout in cleanup holds, though the task’s own deadline comes first', async () => {
    let thrown: unknown;
    const Task = handlerTask(
      async (task: TaskContext) => {
        task.defer(async () => {
          thrown = await rejection(task.timeout(80, (scope) => scope.sleep(60_000)));
        });
      },
      { timeout: 40, grace: 5_000 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const handle = await coordinator.start(Task, {});
    expect(await handle.outcome).toMatchObject({ status: 'completed' });
    expect(thrown).toBeInstanceOf(ScopeTimeoutError);
  });

  it('a signal that cannot be followed to its end is refused at the start', async () => {
    const Task = handlerTask(() => 1);
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const signals = [new EventTarget(), { aborted: false, addEventListener: () => {} }, {}];
    for (const signal of signals) {
      const start = coordinator.start(Task, {}, { signal: signal as AbortSignal });
      await expect(start).rejects.toThrow('"signal" in start(): expected an AbortSignal');
    }
    expect((await coordinator.list()).items).toEqual([]);
  });

  it('a signal that throws when it is followed makes the start fail, and nothing is kept or started', async () => {
    const calls: string[] = [];
    const Task = handlerTask((task) => void calls.push(task.id), { concurrency: 1 });
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const { signal } = new AbortController();
    const refusal = new Error('Too many listeners');
    Object.defineProperty(signal, 'addEventListener', {
      configurable: true,
      value: () => {
        throw refusal;
      },
    });
    const kept = await coordinator.start(Task, {}, { id: 'same' });
    await kept.outcome;
    for (const id of ['one', 'same'])
      await expect(coordinator.start(Task, {}, { id, signal, restart: true })).rejects.toBe(refusal);
    expect((await coordinator.list()).items.map(({ id }) => id)).toEqual(['same']);
    expect(calls).toEqual(['same']);
    // Neither a place is taken, nor is the signal taken for one that is followed.
    await (
      await coordinator.start(Task, {}, { id: 'next' })
    ).outcome;
    Reflect.deleteProperty(signal, 'addEventListener');
    const last = await coordinator.start(Task, {}, { id: 'last', signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await last.outcome;
    expect(calls).toEqual(['same', 'next', 'last']);
  });

  it('a signal that is aborted while it is followed cancels the task before it begins', async () => {
    const calls: string[] = [];
    const Task = handlerTask((task) => void calls.push(task.id));
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const controller = new AbortController();
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    Object.defineProperty(signal, 'addEventListener', {
      value: (...args: Parameters<typeof add>) => {
        controller.abort();
        add(...args);
      },
    });
    const handle = await coordinator.start(Task, {}, { signal });
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', started: false });
    expect(calls).toEqual([]);
  });

  it('a signal that is aborted already cancels the task before it begins', async () => {
    const calls: string[] = [];
    const Task = handlerTask((task) => void calls.push(task.id));
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const handle = await coordinator.start(Task, {}, { signal: AbortSignal.abort(new Error('too late')) });
    expect(handle.status).toBe('cancelled');
    expect(await handle.outcome).toMatchObject({ started: false, reason: { kind: 'external' } });
    expect((await coordinator.list()).items).toHaveLength(1);
    expect(calls).toEqual([]);
  });

  it('a signal that was followed until its tasks were over cancels the next one too', async () => {
    const Task = handlerTask((task: TaskContext) => task.sleep(60_000));
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const controller = new AbortController();
    const { signal } = controller;
    const first = await coordinator.start(Task, {}, { signal });
    await first.cancel({ wait: 'settled' });
    const next = await coordinator.start(Task, {}, { signal });
    controller.abort(new Error('enough'));
    expect(next.status).toBe('cancelled');
    expect(await next.outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'external' } });
  });

  it('a signal that throws when it is no longer followed is logged, and the task ends as ever', async () => {
    const Task = handlerTask(() => 'done');
    const { coordinator, logs } = await createTaskApp({ tasks: [Task], listen: false });
    const { signal } = new AbortController();
    Object.defineProperty(signal, 'removeEventListener', {
      value: () => {
        throw new Error('Not a listener');
      },
    });
    const handle = await coordinator.start(Task, {}, { signal });
    expect(await handle.outcome).toMatchObject({ status: 'completed', value: 'done' });
    expect(logs.errors).toEqual([
      expect.stringMatching(/^The signal given to start\(\) of .*\nError: Not a listener/),
    ]);
  });

  it('tasks that share a signal give it one listener, and take it back', async () => {
    const Task = handlerTask((task: TaskContext) => task.sleep(60_000));
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const controller = new AbortController();
    const handles = await Promise.all(
      Array.from({ length: 50 }, () => coordinator.start(Task, {}, { signal: controller.signal })),
    );
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    await Promise.all(handles.slice(1).map((handle) => handle.cancel({ wait: 'settled' })));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(new Error('enough'));
    expect(await handles[0]!.outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'external' } });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});
