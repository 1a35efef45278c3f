import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { ShuttingDownError, type TaskHandle } from 'nestjs-streaming';
import { type Collected, collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { inOneProcess, isOnRedis, itInProcess } from '../../../support/app/store.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

/** Where other instances may run what waits, it is left to them unless it is asked for. */
const ofAll = isOnRedis ? { cancelPending: true } : {};

const Sleeper = handlerTask((task) => task.sleep(60_000), { name: 'sleeper' });

interface Watched {
  readonly handle: TaskHandle;
  readonly events: Collected;
}

describe('SD. Shutdown', () => {
  it('SD.150 ends every running task cancelled with reason shutdown', async () => {
    const { coordinator } = await createTaskApp({ tasks: [Sleeper], listen: false });
    const watched: Watched[] = [];
    for (let n = 0; n < 3; n++) {
      const handle = await coordinator.start(Sleeper, {});
      watched.push({ handle, events: collect(handle.events()) });
    }
    await Promise.all(watched.map(({ events }) => events.until('started')));
    const report = await coordinator.shutdown();
    expect((await coordinator.list({ status: 'running' })).items).toEqual([]);
    for (const task of watched) {
      expect(task.handle.status).toBe('cancelled');
      const outcome = await expectEnd(task, 'cancelled');
      expect(outcome.reason?.kind).toBe('shutdown');
      expect(task.events.events.at(-1)?.data).toEqual({ message: 'Task was cancelled', reason: 'shutdown' });
    }
    expect(report).toMatchObject({ completed: 0, cancelled: 3, failed: 0, timedOut: 0, abandoned: [] });
    expect(report.durationMs).toBeGreaterThanOrEqual(0);
  });

  it('SD.151 resolves only after the finally blocks and the defers', async () => {
    const trace: string[] = [];
    const started = await startTask(async (task) => {
      task.defer(async () => {
        await delay(20);
        trace.push('defer');
      });
      try {
        await task.sleep(60_000);
      } finally {
        await delay(20);
        trace.push('finally');
      }
    });
    await started.running;
    await started.coordinator.shutdown();
    trace.push('shutdown');
    expect(trace).toEqual(['finally', 'defer', 'shutdown']);
    await expectEnd(started, 'cancelled');
  });

  it('SD.152 SD.153 abandons a task that ignores its signal at the timeout, and warns once with its key', async () => {
    using clock = new StoppedClock();
    const Mixed = handlerTask(
      (task) => (task.id === 'stubborn' ? new Promise(() => {}) : task.sleep(60_000)),
      {
        name: 'mixed',
        grace: 60_000,
      },
    );
    const { coordinator, logs } = await createTaskApp({ tasks: [Mixed], listen: false });
    const watched: Watched[] = [];
    for (const id of ['stubborn', 'obedient']) {
      const handle = await coordinator.start(Mixed, {}, { id });
      watched.push({ handle, events: collect(handle.events()) });
    }
    await Promise.all(watched.map(({ events }) => events.until('started')));
    const report = await clock.until(coordinator.shutdown({ timeout: 200 }));
    expect(report.durationMs).toBe(200);
    const key = coordinator.getTaskKey('test', 'mixed', 'stubborn');
    expect(report.abandoned).toEqual([key]);
    expect(report.cancelled).toBe(2);
    expect(await expectEnd(watched[0]!, 'cancelled')).toMatchObject({ abandoned: true });
    expect(await expectEnd(watched[1]!, 'cancelled')).toMatchObject({ abandoned: false });
    expect(logs.warnings.filter((line) => line.includes(key))).toHaveLength(1);
    expect(logs.warnings).toHaveLength(1);
  });

  it('SD.152 a grace that is shorter than the timeout holds for its task', async () => {
    using clock = new StoppedClock();
    const started = await startTask(() => new Promise(() => {}), { task: { grace: 50 } });
    await started.running;
    const report = await clock.until(started.coordinator.shutdown({ timeout: 5_000 }));
    expect(report.durationMs).toBe(50);
    expect(report.abandoned).toHaveLength(1);
  });

  it('SD.152 SD.153 the timeout holds for defers too, and the task is named once', async () => {
    using clock = new StoppedClock();
    const started = await startTask(
      async (task) => {
        task.defer(() => new Promise(() => {}));
        await new Promise(() => {});
      },
      { task: { grace: 60_000 } },
    );
    await started.running;
    const report = await clock.until(started.coordinator.shutdown({ timeout: 100 }));
    expect(report.durationMs).toBe(100);
    const { name, id } = started.handle.ref;
    const key = started.coordinator.getTaskKey('test', name, id);
    expect(report.abandoned).toEqual([key]);
    expect(started.logs.warnings.filter((line) => line.includes(key))).toHaveLength(1);
  });

  it('SD.154 shutdown twice is the same promise, and every task gets one terminal event', async () => {
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await delay(10);
      }
    });
    await started.running;
    const { coordinator } = started;
    const first = coordinator.shutdown();
    expect(coordinator.shutdown()).toBe(first);
    expect(coordinator.shutdown({ timeout: 1 })).toBe(first);
    await first;
    expect(coordinator.shutdown()).toBe(first);
    await started.taskApp.app.close();
    expect(coordinator.shutdown()).toBe(first);
    await expectEnd(started, 'cancelled');
  });

  it('SD.155 without tasks it is done at once', async () => {
    // A wait would hang.
    using _ = new StoppedClock();
    const { coordinator } = await createTaskApp({ tasks: [Sleeper], listen: false });
    const report = await coordinator.shutdown({ drain: 5_000, timeout: 5_000 });
    expect(report).toMatchObject({ completed: 0, cancelled: 0, failed: 0, timedOut: 0, abandoned: [] });
  });

  it('SD.156 start during and after a shutdown rejects, and the handler is not invoked', async () => {
    const calls: string[] = [];
    const cleaning = deferred();
    const cleaned = deferred();
    const Worker = handlerTask(async (task) => {
      calls.push(task.id);
      task.defer(async () => {
        cleaning.resolve();
        await cleaned.promise;
      });
      await task.sleep(60_000);
    });
    const { coordinator } = await createTaskApp({ tasks: [Worker], listen: false });
    const handle = await coordinator.start(Worker, {}, { id: 'before' });
    await collect(handle.events()).until('started');
    const over = coordinator.shutdown();
    expect(await rejection(coordinator.start(Worker, {}, { id: 'same turn' }))).toBeInstanceOf(
      ShuttingDownError,
    );
    await cleaning.promise;
    const during = await rejection(coordinator.start(Worker, {}, { id: 'during' }));
    expect(during).toBeInstanceOf(ShuttingDownError);
    expect(during).toMatchObject({ code: 'SHUTTING_DOWN' });
    cleaned.resolve();
    await over;
    expect(await rejection(coordinator.start(Worker, {}, { id: 'after' }))).toBeInstanceOf(ShuttingDownError);
    await new Promise(setImmediate);
    expect(calls).toEqual(['before']);
    expect((await coordinator.list()).items.map(({ id }) => id)).toEqual(['before']);
  });

  it('SD.158 all watchers of all tasks have their terminal event and are completed when it resolves', async () => {
    const { coordinator } = await createTaskApp({ tasks: [Sleeper], listen: false });
    const watched: Watched[] = [];
    for (let n = 0; n < 4; n++) {
      const handle = await coordinator.start(Sleeper, {});
      for (let w = 0; w < 3; w++) watched.push({ handle, events: collect(coordinator.events(handle.ref)) });
    }
    await Promise.all(watched.map(({ events }) => events.until('started')));
    await coordinator.shutdown();
    for (const { events } of watched) {
      expect(events.types).toEqual(['started', 'cancelled']);
      expect(events.completed).toBe(true);
    }
  });

  it('SD.159 leaves nothing that runs, waits or watches; snapshots can still be read', async () => {
    const Worker = handlerTask((task) => task.sleep(60_000), { concurrency: 1 });
    const { coordinator } = await createTaskApp({ tasks: [Worker], listen: false });
    const handles: TaskHandle[] = [];
    for (let n = 0; n < 3; n++) handles.push(await coordinator.start(Worker, {}));
    const events = handles.map((handle) => collect(handle.events()));
    await events[0]!.until('started');
    expect(handles.map(({ status }) => status)).toEqual(['running', 'pending', 'pending']);
    const report = await coordinator.shutdown(ofAll);
    expect(report.cancelled).toBe(3);
    for (const status of ['pending', 'running', 'cancelling'] as const) {
      expect((await coordinator.list({ status })).items).toEqual([]);
    }
    for (const [n, handle] of handles.entries()) {
      const snapshot = await coordinator.get(handle.ref);
      expect(snapshot).toMatchObject({
        status: 'cancelled',
        watchers: 0,
        cancellation: { kind: 'shutdown' },
      });
      expect((await handle.outcome).started).toBe(n === 0);
      expect(events[n]!.types).toEqual(n === 0 ? ['started', 'cancelled'] : ['cancelled']);
    }
  });

  itInProcess(
    'SD.159 a task that starts in the turn of the shutdown never runs',
    inOneProcess.cancelAtStart,
    async () => {
      let calls = 0;
      const Worker = handlerTask(() => ++calls);
      const { coordinator } = await createTaskApp({ tasks: [Worker], listen: false });
      const handle = await coordinator.start(Worker, {});
      const report = await coordinator.shutdown();
      expect(report).toMatchObject({ cancelled: 1, completed: 0 });
      expect(await handle.outcome).toMatchObject({ status: 'cancelled', started: false });
      expect(calls).toBe(0);
    },
  );

  it('SD.160 within drain a task completes normally, and its signal is never aborted', async () => {
    using clock = new StoppedClock();
    let signal: AbortSignal | undefined;
    const started = await startTask(async (task) => {
      signal = task.signal;
      await task.sleep(50);
      return 'in time';
    });
    await started.running;
    const report = await clock.until(started.coordinator.shutdown({ drain: 200 }));
    expect(report).toMatchObject({ completed: 1, cancelled: 0 });
    expect((await expectEnd(started, 'completed')).value).toBe('in time');
    expect(signal?.aborted).toBe(false);
  });

  it('SD.160 what is not done after drain is cancelled; what waits unstarted is cancelled at once', async () => {
    using clock = new StoppedClock();
    const Worker = handlerTask((task) => task.sleep(60_000), { concurrency: 1 });
    const { coordinator } = await createTaskApp({ tasks: [Worker], listen: false });
    const running = await coordinator.start(Worker, {});
    const runningEvents = collect(running.events());
    const waiting = await coordinator.start(Worker, {});
    await runningEvents.until('started');
    const over = coordinator.shutdown({ drain: 100, ...ofAll });
    expect((await waiting.outcome).status).toBe('cancelled');
    expect(running.status).toBe('running');
    await clock.advance(99);
    expect(running.status).toBe('running');
    const report = await clock.until(over);
    expect(report.durationMs).toBe(100);
    expect(report).toMatchObject({ cancelled: 2, abandoned: [] });
    await expectEnd({ handle: running, events: runningEvents }, 'cancelled');
  });

  it('SD.164 a task that fails during the shutdown is counted and logged, and nothing rejects', async () => {
    const error = new Error('Could not close the file');
    const Failing = handlerTask(async (task) => {
      await task.sleep(60_000).catch(() => undefined);
      throw error;
    });
    const { coordinator, logs } = await createTaskApp({ tasks: [Failing, Sleeper], listen: false });
    const failing = await coordinator.start(Failing, {});
    const events = collect(failing.events());
    const sleeping = collect((await coordinator.start(Sleeper, {})).events());
    await events.until('started');
    await sleeping.until('started');
    const report = await coordinator.shutdown();
    expect(report).toMatchObject({ failed: 1, cancelled: 1, completed: 0, abandoned: [] });
    const outcome = await expectEnd({ handle: failing, events }, 'failed');
    expect(outcome.error).toBe(error);
    expect(outcome.cancellation?.reason.kind).toBe('shutdown');
    expect(logs.errors.join('\n')).toContain('Could not close the file');
    expect(logs.errors.join('\n')).toContain(failing.id);
  });

  it('SD.159 SD.153 a task that waited unstarted is not called abandoned, not later either', async () => {
    using clock = new StoppedClock();
    const Worker = handlerTask((task) => task.sleep(60_000), { concurrency: 1 });
    const { coordinator, logs } = await createTaskApp({ tasks: [Worker], listen: false });
    const running = collect((await coordinator.start(Worker, {})).events());
    const waiting = await coordinator.start(Worker, {});
    await running.until('started');
    const report = await coordinator.shutdown({ timeout: 20, ...ofAll });
    expect(report.abandoned).toEqual([]);
    await clock.advance(60_000);
    expect(logs.warnings).toEqual([]);
    expect(await waiting.outcome).toMatchObject({ abandoned: false, started: false });
  });

  const referencedTimers = (): number =>
    process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

  it('SD.170 after a shutdown no timer keeps the process alive', async () => {
    const before = referencedTimers();
    const Timed = handlerTask(
      (task) => {
        task.reschedule(90_000);
        return task.sleep(60_000);
      },
      {
        timeout: 60_000,
        idleTimeout: 60_000,
        pendingTimeout: 60_000,
        cancelWhenUnwatched: 60_000,
        concurrency: 2,
        grace: 30_000,
      },
    );
    const Retrying = handlerTask(() => Promise.reject(new Error('Broken')), { attempts: 2, backoff: 60_000 });
    const closing = deferred();
    const Quick = handlerTask((task) => task.waitFor(closing.promise));
    const { coordinator } = await createTaskApp({ tasks: [Timed, Retrying, Quick], listen: false });
    const events: Collected[] = [];
    for (let n = 0; n < 3; n++) events.push(collect((await coordinator.start(Timed, {})).events()));
    const retrying = collect((await coordinator.start(Retrying, {})).events());
    const quick = collect((await coordinator.start(Quick, {})).events());
    await quick.until('started');
    await events[1]!.until('started');
    await retrying.until('retrying');
    expect(referencedTimers()).toBeGreaterThan(before);

    const closed = coordinator.shutdown({ drain: 50, ...ofAll });
    closing.resolve();
    const report = await closed;
    // The one between two tries is nobody's in Redis.
    expect(report).toMatchObject({ completed: 1, cancelled: isOnRedis ? 3 : 4, abandoned: [] });
    expect(referencedTimers()).toBeLessThanOrEqual(before);
  });

  it('SD.170 nor does one that an abandoned handler waits for', async () => {
    const before = referencedTimers();
    const go = deferred();
    const waiting = deferred();
    const started = await startTask(
      async (task) => {
        void task.sleep(60_000).catch(() => undefined);
        await go.promise;
        // Too late: what it waits for is nobody's business any more.
        void task.sleep(60_000).catch(() => undefined);
        waiting.resolve();
        await new Promise(() => {});
      },
      { task: { timeout: 60_000 } },
    );
    await started.running;
    const report = await started.coordinator.shutdown({ timeout: 50 });
    expect(report.abandoned).toHaveLength(1);
    go.resolve();
    await waiting.promise;
    expect(referencedTimers()).toBeLessThanOrEqual(before);
  });

  it('SD.170 nor one of a task that completed and left something waiting', async () => {
    const before = referencedTimers();
    const started = await startTask((task) => {
      void task.sleep(60_000).catch(() => undefined);
      return 'done';
    });
    await expectEnd(started, 'completed');
    await started.coordinator.shutdown();
    expect(referencedTimers()).toBeLessThanOrEqual(before);
  });
});
