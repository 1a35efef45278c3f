import { describe, expect, it } from '@jest/globals';
import { CancelledError, TaskTimeoutError } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

describe('TO. Timeouts of a task', () => {
  it('TO.081 a task that takes longer than its timeout ends timeout, with a TaskTimeoutError', async () => {
    using clock = new StoppedClock();
    let reason: unknown;
    const started = await startTask(
      async (task) => {
        try {
          await task.sleep(60_000);
        } finally {
          reason = task.reason;
        }
      },
      { task: { timeout: 20 } },
    );
    const error = await clock.until(rejection(started.handle.result));
    expect(error).toBeInstanceOf(TaskTimeoutError);
    expect(error).toMatchObject({ code: 'TASK_TIMEOUT', of: 'total', timeout: 20 });
    expect((error as TaskTimeoutError).cause).toBeInstanceOf(CancelledError);
    expect(reason).toEqual({ kind: 'timeout', of: 'total', timeout: 20 });
    const outcome = await expectEnd(started, 'timeout');
    expect(outcome).toMatchObject({ reason, abandoned: false, swallowed: false });
    expect(outcome.durationMs).toBe(20);
    expect(started.events.types).toEqual(['started', 'timeout']);
    const data = started.events.events[1]?.data as Record<string, unknown>;
    expect(data).toMatchObject({ of: 'total', timeout: 20 });
    expect(Object.keys(data).toSorted()).toEqual(['message', 'of', 'timeout']);
  });

  it('TO.082 a timeout given to start overrides the decorator’s, also upwards', async () => {
    using clock = new StoppedClock();
    const go = deferred();
    const Timed = handlerTask(
      async (task) => {
        const { deadline } = task;
        await task.waitFor(go.promise);
        return deadline;
      },
      { timeout: 20 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Timed], listen: false });
    const longer = await coordinator.start(Timed, {}, { timeout: 60_000 });
    const none = await coordinator.start(Timed, {}, { timeout: null });
    const own = await coordinator.start(Timed, {});
    expect((await clock.until(own.outcome)).status).toBe('timeout');
    expect([longer.status, none.status]).toEqual(['running', 'running']);
    go.resolve();
    expect(await none.result).toBeNull();
    expect(await longer.result).toBeGreaterThan(Date.now() + 30_000);

    const Patient = handlerTask((task) => task.sleep(60_000), { timeout: 60_000 });
    const second = await createTaskApp({ tasks: [Patient], listen: false });
    const shorter = await second.coordinator.start(Patient, {}, { timeout: 20 });
    expect(await clock.until(shorter.outcome)).toMatchObject({
      status: 'timeout',
      reason: { timeout: 20 },
      durationMs: 20,
    });
  });

  it('TO.083 the time spent waiting for a place does not count', async () => {
    using clock = new StoppedClock();
    const Timed = handlerTask((task) => task.sleep(task.id === 'first' ? 100 : 10), {
      concurrency: 1,
      timeout: 50,
    });
    const { coordinator } = await createTaskApp({ tasks: [Timed], listen: false });
    await coordinator.start(Timed, {}, { id: 'first', timeout: 10_000 });
    const handle = await coordinator.start(Timed, {}, { id: 'second' });
    const events = collect(handle.events());
    const outcome = await clock.until(expectEnd({ handle, events }, 'completed'));
    expect(clock.now()).toBe(110);
    expect(outcome.durationMs).toBe(10);
  });

  it('TO.086 a task that times out and ignores its signal is abandoned after the grace, with status timeout', async () => {
    using clock = new StoppedClock();
    const started = await startTask(() => new Promise(() => {}), { task: { timeout: 20, grace: 50 } });
    await started.running;
    const error = await clock.until(rejection(started.handle.result));
    expect(clock.now()).toBe(70);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    const outcome = await expectEnd(started, 'timeout');
    expect(outcome).toMatchObject({ abandoned: true, reason: { kind: 'timeout', of: 'total' } });
    expect(started.events.events.at(-1)?.data).toMatchObject({ of: 'total', timeout: 20, abandoned: true });
    expect(started.logs.warnings.filter((line) => line.includes(started.handle.id))).toHaveLength(1);
  });
});
