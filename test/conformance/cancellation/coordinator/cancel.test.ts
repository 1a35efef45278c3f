import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, type TaskHandler } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { logSides } from '../../../support/app/sides.js';
import { inOneProcess, itInProcess, takesEffect } from '../../../support/app/store.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection, terminalEvents } from '../expect-end.js';

describe.each(logSides)('CO. Coordinator cancel API ($name)', (side) => {
  it('CO.001 cancelTask of a running task is true and the task ends cancelled', async () => {
    const started = await startTask((task) => task.sleep(60_000), side);
    await started.running;
    const { app, name, id } = started.handle.ref;
    expect(await started.coordinator.cancelTask(app, name, id)).toBe(true);
    await expectEnd(started, 'cancelled');
  });

  it('CO.002 cancelTask of no task is false, throws nothing and emits nothing', async () => {
    const { coordinator, handle, events, logs, running } = await startTask(
      (task) => task.sleep(60_000),
      side,
    );
    await running;
    await events.until('started');
    const { app, name } = handle.ref;
    const linesBefore = logs.lines.length;
    expect(await coordinator.cancelTask(app, name, 'nobody')).toBe(false);
    expect(await coordinator.cancelTask({ app: 'no-app', name: 'no-name', id: 'nobody' })).toBe(false);
    expect(await coordinator.cancelTask({ app, name: 'no-name', id: handle.id }, { wait: 'settled' })).toBe(
      false,
    );
    expect(events.types).toEqual(['started']);
    expect((await coordinator.list()).items.map(({ id }) => id)).toEqual([handle.id]);
    expect(logs.lines).toHaveLength(linesBefore);
  });

  it('CO.003 cancelling a completed task is false and changes nothing', async () => {
    const started = await startTask(() => ({ answer: 42 }), side);
    const { coordinator, handle } = started;
    await expectEnd(started, 'completed');
    const before = await handle.snapshot();
    expect(before.finalValue).toEqual({ answer: 42 });

    expect(await coordinator.cancelTask(handle.ref)).toBe(false);
    expect(await handle.cancel()).toBe(false);
    expect(await handle.cancel({ wait: 'settled' })).toBe(false);

    expect(await handle.snapshot()).toEqual(before);
    expect(await coordinator.get(handle.ref)).toEqual(before);
    expect(await collect(handle.events()).done).toEqual(started.events.events);
    await expect(handle.result).resolves.toEqual({ answer: 42 });
  });

  it('CO.005 cancelling a task that has ended cancelled is false', async () => {
    const started = await startTask((task) => task.sleep(60_000), side);
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    await expectEnd(started, 'cancelled');
    expect(await started.handle.cancel()).toBe(false);
    expect(await started.coordinator.cancelTask(started.handle.ref)).toBe(false);
    await expectEnd(started, 'cancelled');
  });

  it('CO.006 a second cancel while cleanup runs is true, and there is one terminal event', async () => {
    const cleaned = deferred();
    const cleaning = deferred();
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        cleaning.resolve();
        await cleaned.promise;
      }
    }, side);
    await started.running;
    const { coordinator, handle } = started;
    expect(await coordinator.cancelTask(handle.ref, { detail: 'first' })).toBe(true);
    await cleaning.promise;
    expect(await coordinator.cancelTask(handle.ref, { detail: 'second' })).toBe(true);
    expect(await coordinator.cancelTask(handle.ref)).toBe(true);
    expect(handle.status).toBe('cancelling');
    cleaned.resolve();
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason).toEqual({ kind: 'external', detail: 'first' });
    expect(outcome.requests.map(({ detail }) => detail)).toEqual(['first', 'second', undefined]);
  });

  it('CO.007 three cancels at once are all true, and each watcher gets one cancelled event', async () => {
    const answered = deferred();
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await answered.promise;
      }
    }, side);
    const { coordinator, handle } = started;
    const other = collect(coordinator.events(handle.ref));
    await started.running;
    const { app, name, id } = handle.ref;
    const answers = await Promise.all([1, 2, 3].map(() => coordinator.cancelTask(app, name, id)));
    answered.resolve();
    expect(answers).toEqual([true, true, true]);
    await expectEnd(started, 'cancelled');
    await expectEnd({ handle, events: other }, 'cancelled');
  });

  it('CO.008 the detail of a cancel is in signal.reason, in the rejection of result and in the outcome', async () => {
    let seen: unknown;
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        seen = task.signal.reason;
      }
    }, side);
    await started.running;
    expect(await started.coordinator.cancelTask(started.handle.ref, { detail: 'test' })).toBe(true);
    const error = await rejection(started.handle.result);
    const reason = { kind: 'external', detail: 'test' };
    expect(seen).toBeInstanceOf(CancelledError);
    expect((seen as CancelledError).reason).toEqual(reason);
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).reason).toEqual(reason);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason).toEqual(reason);
    expect(outcome.requests).toEqual([reason]);
    expect(started.events.events.at(-1)?.data).toMatchObject({ detail: 'test' });
  });

  it('CO.010 a task without watchers is cancelled just so', async () => {
    const running = deferred();
    const Sleeper = handlerTask(async (task) => {
      running.resolve();
      await task.sleep(60_000);
    });
    const { coordinator, logs } = await createTaskApp({ ...side, tasks: [Sleeper], listen: false });
    const handle = await coordinator.start(Sleeper, {});
    await running.promise;
    const { app, name, id } = handle.ref;
    expect(await coordinator.isTaskRunning(app, name, id)).toBe(true);
    expect((await handle.snapshot()).watchers).toBe(0);
    expect(await coordinator.cancelTask(app, name, id)).toBe(true);
    expect((await handle.outcome).status).toBe('cancelled');
    expect((await coordinator.get(handle.ref))?.status).toBe('cancelled');
    expect(await coordinator.isTaskRunning(app, name, id)).toBe(false);
    expect(logs.errors).toEqual([]);
  });

  it('CO.011 of five tasks of one type only the cancelled one is aborted', async () => {
    const go = deferred();
    const signals = new Map<string, AbortSignal>();
    const Worker = handlerTask(async (task) => {
      signals.set(task.id, task.signal);
      await task.waitFor(go.promise);
      return task.id;
    });
    const { coordinator } = await createTaskApp({ ...side, tasks: [Worker], listen: false });
    const handles = await Promise.all(
      [0, 1, 2, 3, 4].map((n) => coordinator.start(Worker, {}, { id: `t${n}` })),
    );
    const watched = handles.map((handle) => ({ handle, events: collect(handle.events()) }));
    await Promise.all(watched.map(({ events }) => events.until('started')));

    expect(await coordinator.cancelTask(handles[2]!.ref)).toBe(true);
    expect(signals.size).toBe(5);
    await takesEffect(() => {
      const aborted = [...signals].filter(([, signal]) => signal.aborted).map(([id]) => id);
      expect(aborted).toEqual(['t2']);
    });
    await expectEnd(watched[2]!, 'cancelled');
    go.resolve();
    for (const n of [0, 1, 3, 4]) expect((await expectEnd(watched[n]!, 'completed')).value).toBe(`t${n}`);
    expect([...signals].filter(([, signal]) => signal.aborted)).toHaveLength(1);
  });

  it('CO.012 cancelTask does not wait for cleanup, while the status is cancelling', async () => {
    const cleaning = deferred();
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await cleaning.promise;
      }
    }, side);
    await started.running;
    expect(await started.coordinator.cancelTask(started.handle.ref)).toBe(true);
    expect(started.handle.status).toBe('cancelling');
    expect((await started.coordinator.get(started.handle.ref))?.status).toBe('cancelling');
    cleaning.resolve();
    await expectEnd(started, 'cancelled');
  });

  it('CO.012 with wait: settled it resolves after the end, true only for a task that ended cancelled', async () => {
    const Cleaner = handlerTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await delay(20);
      }
    });
    const Failing = handlerTask(async (task) => {
      await task.sleep(60_000).catch(() => undefined);
      throw new Error('Cleanup failed');
    });
    const { coordinator } = await createTaskApp({ ...side, tasks: [Cleaner, Failing], listen: false });
    for (const [Task, expected] of [
      [Cleaner, true],
      [Failing, false],
    ] as const) {
      const handle = await coordinator.start<TaskHandler>(Task, {});
      await collect(handle.events()).until('started');
      expect(await coordinator.cancelTask(handle.ref, { wait: 'settled' })).toBe(expected);
      expect(['cancelled', 'failed']).toContain(handle.status);
    }
  });

  it('CO.015 the cancelled event of an external cancel without detail has a message and a reason, no more', async () => {
    const started = await startTask((task) => task.sleep(60_000), side);
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    const last = started.events.events.at(-1);
    expect(last?.type).toBe('cancelled');
    expect(last?.data).toStrictEqual({ message: 'Task was cancelled', reason: 'external_cancellation' });
  });

  it('CO.016 each of three watchers gets one cancelled event, as its last, and is completed', async () => {
    const started = await startTask((task) => task.sleep(60_000), side);
    const { coordinator, handle } = started;
    const watchers = [started.events, collect(handle.events()), collect(coordinator.events(handle.ref))];
    await started.running;
    await handle.cancel();
    await handle.outcome;
    for (const events of watchers) {
      await events.done;
      expect(events.types).toEqual(['started', 'cancelled']);
      expect(events.completed).toBe(true);
    }
  });

  it('CO.017 by default the event that follows a cancel is cancelled', async () => {
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await delay(10);
      }
    }, side);
    await started.events.until('started');
    await started.running;
    const before = started.events.events.length;
    expect(await started.handle.cancel()).toBe(true);
    await started.events.done;
    expect(started.events.types.slice(before)).toEqual(['cancelled']);
  });

  it('CO.017 with announceCancelling a cancelling event with the reason comes first', async () => {
    const started = await startTask((task) => task.sleep(60_000), {
      ...side,
      task: { announceCancelling: true },
    });
    await started.running;
    await started.handle.cancel({ detail: 'enough' });
    await started.events.done;
    expect(started.events.types).toEqual(['started', 'cancelling', 'cancelled']);
    expect(started.events.events[1]?.data).toEqual({ reason: 'external_cancellation', detail: 'enough' });
  });

  it('CO.019 a cancelled task is not running, and its place is free', async () => {
    const Sleeper = handlerTask((task) => task.sleep(60_000), { concurrency: 1 });
    const { coordinator } = await createTaskApp({ ...side, tasks: [Sleeper], listen: false });
    const handle = await coordinator.start(Sleeper, {});
    const next = await coordinator.start(Sleeper, {});
    const nextEvents = collect(next.events());
    await collect(handle.events()).until('started');
    expect(next.status).toBe('pending');
    await handle.cancel();
    await handle.outcome;

    const { app, name, id } = handle.ref;
    expect(await coordinator.isTaskRunning(app, name, id)).toBe(false);
    expect((await coordinator.get(handle.ref))?.status).toBe('cancelled');
    for (const status of ['pending', 'running', 'cancelling'] as const) {
      const { items } = await coordinator.list({ status });
      expect(items.map((item) => item.id)).not.toContain(id);
    }
    await nextEvents.until('started');
  });

  itInProcess('CO.019 a cancelled task is kept for its retention', inOneProcess.times, async () => {
    using clock = new StoppedClock();
    const retention = 200;
    const { coordinator, handle, running } = await startTask((task) => task.sleep(60_000), {
      ...side,
      options: { replay: { retention } },
    });
    await running;
    await handle.cancel();
    await handle.outcome;
    await clock.advance(retention - 1);
    expect((await coordinator.get(handle.ref))?.status).toBe('cancelled');
    await clock.advance(1);
    expect(await coordinator.get(handle.ref)).toBeUndefined();
  });

  it('CO.021 a start with the id of a running task starts nothing and gives that task', async () => {
    const go = deferred();
    let calls = 0;
    const Worker = handlerTask(async (task) => {
      calls += 1;
      await task.waitFor(go.promise);
      return calls;
    });
    const { coordinator } = await createTaskApp({ ...side, tasks: [Worker], listen: false });
    const first = await coordinator.start(Worker, {}, { id: 'same' });
    const events = collect(first.events());
    await events.until('started');
    const second = await coordinator.start(Worker, {}, { id: 'same' });
    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.ref).toEqual(first.ref);
    expect(second.status).toBe('running');
    go.resolve();
    await expectEnd({ handle: first, events }, 'completed');
    expect(await second.outcome).toEqual(await first.outcome);
    expect(await second.result).toBe(1);
    expect(calls).toBe(1);
    expect(await collect(second.events()).done).toEqual(events.events);
  });

  it('CO.021 cancelling by the second handle cancels the one run', async () => {
    const started = await startTask((task) => task.sleep(60_000), { ...side, start: { id: 'same' } });
    await started.running;
    const second = await started.coordinator.start<TaskHandler>(started.type, {}, { id: 'same' });
    expect(await second.cancel({ detail: 'by the second' })).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason?.detail).toBe('by the second');
    expect(await second.outcome).toEqual(outcome);
  });

  it('CO.022 a task that waits for a place is cancelled at once, and the running one is not disturbed', async () => {
    // A wait would hang.
    using _ = new StoppedClock();
    const go = deferred();
    const calls: string[] = [];
    const Worker = handlerTask(
      async (task) => {
        calls.push(task.id);
        await task.waitFor(go.promise);
      },
      { concurrency: 1 },
    );
    const { coordinator } = await createTaskApp({ ...side, tasks: [Worker], listen: false });
    const running = await coordinator.start(Worker, {}, { id: 'running' });
    const runningEvents = collect(running.events());
    const waiting = await coordinator.start(Worker, {}, { id: 'waiting' });
    const waitingEvents = collect(waiting.events());
    await runningEvents.until('started');
    expect(waiting.status).toBe('pending');

    expect(await coordinator.cancelTask(waiting.ref)).toBe(true);
    const outcome = await expectEnd({ handle: waiting, events: waitingEvents }, 'cancelled');
    expect(outcome.started).toBe(false);
    expect(running.status).toBe('running');
    go.resolve();
    await expectEnd({ handle: running, events: runningEvents }, 'completed');
    expect(calls).toEqual(['running']);
    expect(terminalEvents(waitingEvents.events)).toHaveLength(1);
  });
});
