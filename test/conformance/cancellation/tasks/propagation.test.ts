import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CancelledError,
  type CancelReason,
  type CoordinatorService,
  StreamTask,
  TaskContext,
  type TaskHandle,
  type TaskHandler,
  type TaskRef,
} from 'nestjs-streaming';
import { type Collected, collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { takesEffect } from '../../../support/app/store.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred, eventually } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

interface TwoTasks {
  readonly coordinator: CoordinatorService;
  readonly inner: TaskRef;
  readonly outer: { readonly handle: TaskHandle; readonly events: Collected; readonly signal: AbortSignal };
}

/** A task that awaits the result of another one, when both run. */
async function startTaskThatAwaits(): Promise<TwoTasks> {
  const Inner = handlerTask((task) => task.sleep(60_000), { name: 'inner' });
  let signal: AbortSignal | undefined;
  const Outer = handlerTask(
    async (task) => {
      signal = task.signal;
      await (
        await coordinator.start(Inner, {}, { id: 'inner' })
      ).result;
    },
    { name: 'outer' },
  );
  const { coordinator } = await createTaskApp({ tasks: [Inner, Outer], listen: false });
  const handle = await coordinator.start(Outer, {});
  const events = collect(handle.events());
  await events.until('started');
  const inner = { app: 'test', name: 'inner', id: 'inner' };
  // Behind the start of the first one, whose handler starts it.
  await eventually(() => collect(coordinator.events(inner)).until('started'));
  return { coordinator, inner, outer: { handle, events, signal: signal! } };
}

describe('PR. Propagation and checkpoints', () => {
  it('PR.024 a sleep rejects at once with the very object in signal.reason', async () => {
    // A wait would hang.
    using _ = new StoppedClock();
    let thrown: unknown;
    let reason: unknown;
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } catch (error) {
        thrown = error;
        reason = task.signal.reason;
        throw error;
      }
    });
    await started.running;
    await started.handle.cancel();
    await started.handle.outcome;
    expect(thrown).toBeInstanceOf(CancelledError);
    expect(thrown).toBe(reason);
    await expectEnd(started, 'cancelled');
  });

  it('PR.025 finally blocks run from the inside out, and one error object passes through all of them', async () => {
    const trace: string[] = [];
    const errors: unknown[] = [];
    const nested = async (name: string, inner: () => Promise<void>): Promise<void> => {
      try {
        await inner();
      } catch (error) {
        errors.push(error);
        throw error;
      } finally {
        trace.push(name);
      }
    };
    const started = await startTask((task) =>
      nested('a', () => nested('b', () => nested('c', () => task.sleep(60_000)))),
    );
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(trace).toEqual(['c', 'b', 'a']);
    expect(errors).toHaveLength(3);
    expect(new Set(errors).size).toBe(1);
    expect(await rejection(started.handle.result)).toBe(errors[0]);
  });

  it('PR.026 a handler that cancels itself stops at its next sleep, with a reason of kind self', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      trace.push(task.cancel('nothing to do'));
      try {
        await task.sleep(60_000);
        trace.push('slept');
      } finally {
        trace.push(task.reason);
      }
    });
    const outcome = await expectEnd(started, 'cancelled');
    const reason: CancelReason = { kind: 'self', detail: 'nothing to do' };
    expect(trace).toEqual([true, reason]);
    expect(outcome.reason).toEqual(reason);
    expect(started.events.events.at(-1)?.data).toEqual({
      message: 'Task was cancelled',
      reason: 'self_cancellation',
      detail: 'nothing to do',
    });
  });

  it('PR.028 the signal is a level: a second sleep after a caught cancellation rejects again', async () => {
    const thrown: unknown[] = [];
    const started = await startTask(async (task) => {
      const checkpoints = [
        () => task.sleep(60_000),
        () => task.sleep(1),
        () => task.yield(),
        () => task.waitFor(Promise.resolve()),
        () => task.waitForSignal('never'),
        () => task.sleep(0),
      ];
      for (const checkpoint of checkpoints) thrown.push(await rejection(checkpoint()));
      throw thrown[0];
    });
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(thrown).toHaveLength(6);
    expect(new Set(thrown).size).toBe(1);
    expect(thrown[0]).toBeInstanceOf(CancelledError);
  });

  it('PR.029 an ordinary promise awaited in the finally block of a cancelled handler completes', async () => {
    let value: string | undefined;
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        value = await delay(10, 'closed');
      }
    });
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(value).toBe('closed');
  });

  it('PR.030 throwIfCancelled does nothing before a cancel, and throws signal.reason after it', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      trace.push(task.cancelled, task.reason);
      task.throwIfCancelled();
      await task.sleep(60_000).catch(() => undefined);
      trace.push(task.cancelled, task.reason?.kind);
      try {
        task.throwIfCancelled();
      } catch (error) {
        trace.push(error === task.signal.reason);
        throw error;
      }
    });
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(trace).toEqual([false, undefined, true, 'external', true]);
  });

  it('PR.031 a loop of nothing but yield can be cancelled from elsewhere', async () => {
    // A wait would hang.
    using _ = new StoppedClock();
    let turns = 0;
    const started = await startTask(async (task) => {
      for (;;) {
        turns += 1;
        await task.yield();
      }
    });
    await started.running;
    await new Promise(setImmediate);
    expect(await started.handle.cancel()).toBe(true);
    await started.handle.outcome;
    expect(turns).toBeGreaterThan(0);
    await expectEnd(started, 'cancelled');
  });

  it('PR.036 TaskContext.current() is the context of the own task, also in a service after several awaits', async () => {
    @Injectable()
    class Deep {
      async whoAmI(): Promise<string | undefined> {
        await Promise.resolve();
        await delay(5);
        await new Promise(setImmediate);
        return TaskContext.current()?.id;
      }
    }
    @StreamTask({ name: 'asks' })
    class Asks implements TaskHandler {
      constructor(private readonly deep: Deep) {}

      async process(task: TaskContext): Promise<unknown> {
        const same = TaskContext.current() === task;
        return { same, id: await this.deep.whoAmI() };
      }
    }
    const { coordinator, app } = await createTaskApp({ tasks: [Asks], providers: [Deep], listen: false });
    const handles = await Promise.all(['a', 'b', 'c'].map((id) => coordinator.start(Asks, {}, { id })));
    expect(await Promise.all(handles.map((handle) => handle.result))).toEqual(
      ['a', 'b', 'c'].map((id) => ({ same: true, id })),
    );
    expect(TaskContext.current()).toBeUndefined();
    expect(await app.get(Deep).whoAmI()).toBeUndefined();
  });

  it('PR.036 a task that was started by another one sees itself, and the starter goes on seeing itself', async () => {
    const Child = handlerTask(
      async () => {
        await delay(1);
        return TaskContext.current()?.id;
      },
      { name: 'child' },
    );
    const Parent = handlerTask(
      async () => {
        const child = await coordinator.start(Child, {}, { id: 'child' });
        return [await child.result, TaskContext.current()?.id];
      },
      { name: 'parent' },
    );
    const { coordinator } = await createTaskApp({ tasks: [Child, Parent], listen: false });
    const parent = await coordinator.start(Parent, {}, { id: 'parent' });
    expect(await parent.result).toEqual(['child', 'parent']);
    expect(TaskContext.current()).toBeUndefined();
  });

  it('PR.037 waitFor stops waiting on cancel, while the promise goes on and has its effect', async () => {
    // A wait would hang.
    using _ = new StoppedClock();
    const source = deferred<string>();
    let effect: string | undefined;
    const started = await startTask(async (task) => {
      const work = source.promise.then((value) => (effect = value));
      await task.waitFor(work);
    });
    await started.running;
    await started.handle.cancel();
    await started.handle.outcome;
    await expectEnd(started, 'cancelled');
    expect(effect).toBeUndefined();
    source.resolve('happened');
    await new Promise(setImmediate);
    expect(effect).toBe('happened');
  });

  it('PR.037 waitFor gives what the promise gives, and a late rejection is nobody’s', async () => {
    const error = new Error('Broken');
    const late = deferred<never>();
    const seen: unknown[] = [];
    const started = await startTask(async (task) => {
      seen.push(await task.waitFor(Promise.resolve(1)));
      seen.push(await rejection(task.waitFor(Promise.reject(error))));
      await task.waitFor(late.promise);
    });
    await started.running;
    await new Promise(setImmediate);
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    late.reject(new Error('Nobody waits'));
    await new Promise(setImmediate);
    expect(seen).toEqual([1, error]);
  });

  it('PR.040 onCancel runs once with the reason, at once after a cancel, and never when it was disposed', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      task.onCancel((reason) => trace.push(['before', reason]));
      task.onCancel(() => trace.push('disposed'))[Symbol.dispose]();
      try {
        await task.sleep(60_000);
      } finally {
        task.onCancel((reason) => trace.push(['after', reason]));
        trace.push('registered');
      }
    });
    await started.running;
    const accepted = started.handle.cancel({ detail: 'x' });
    const reason = { kind: 'external', detail: 'x' };
    await takesEffect(() => expect(trace[0]).toEqual(['before', reason]));
    await accepted;
    await started.handle.cancel({ detail: 'y' });
    await expectEnd(started, 'cancelled');
    expect(trace).toEqual([['before', reason], ['after', reason], 'registered']);
  });

  it('PR.040 an onCancel callback that throws is logged, and cancels no less', async () => {
    let second = false;
    const started = await startTask(async (task) => {
      task.onCancel(() => {
        throw new Error('Callback failed');
      });
      task.onCancel(() => {
        second = true;
      });
      await task.sleep(60_000);
    });
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    await expectEnd(started, 'cancelled');
    expect(second).toBe(true);
    expect(started.logs.errors.join('\n')).toContain('Callback failed');
  });

  it('PR.042 a task that awaits the result of another one that is cancelled ends failed', async () => {
    const { coordinator, inner, outer } = await startTaskThatAwaits();
    expect(await coordinator.cancelTask(inner)).toBe(true);
    const outcome = await expectEnd(outer, 'failed');
    expect(outcome.error).toBeInstanceOf(CancelledError);
    expect(outcome.cancellation).toBeUndefined();
    expect(outcome.requests).toEqual([]);
    expect(outer.signal.aborted).toBe(false);
  });

  it('PR.042 also when it is cancelled itself meanwhile: the other’s cancellation is no sign of its own', async () => {
    const { coordinator, inner, outer } = await startTaskThatAwaits();
    await Promise.all([
      coordinator.cancelTask(inner, { detail: 'inner' }),
      outer.handle.cancel({ detail: 'outer' }),
    ]);
    const outcome = await expectEnd(outer, 'failed');
    expect((outcome.error as CancelledError).reason.detail).toBe('inner');
    expect(outcome.cancellation?.reason.detail).toBe('outer');
  });
});
