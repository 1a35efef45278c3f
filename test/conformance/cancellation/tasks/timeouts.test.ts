import { describe, expect, it } from '@jest/globals';
import { CancelledError, TaskTimeoutError } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';
import { expectAbout, stopwatch } from '../timing.js';

describe('TO. Timeouts of a task', () => {
  it('TO.081 a task that takes longer than its timeout ends timeout, with a TaskTimeoutError', async () => {
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
    const error = await rejection(started.handle.result);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    expect(error).toMatchObject({ code: 'TASK_TIMEOUT', of: 'total', timeout: 20 });
    expect((error as TaskTimeoutError).cause).toBeInstanceOf(CancelledError);
    expect(reason).toEqual({ kind: 'timeout', of: 'total', timeout: 20 });
    const outcome = await expectEnd(started, 'timeout');
    expect(outcome).toMatchObject({ reason, abandoned: false, swallowed: false });
    expectAbout(outcome.durationMs, 20);
    expect(started.events.types).toEqual(['started', 'timeout']);
    const data = started.events.events[1]?.data as Record<string, unknown>;
    expect(data).toMatchObject({ of: 'total', timeout: 20 });
    expect(Object.keys(data).toSorted()).toEqual(['message', 'of', 'timeout']);
  });

  it('TO.082 a timeout given to start overrides the decorator’s, also upwards', async () => {
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
    expect((await own.outcome).status).toBe('timeout');
    expect([longer.status, none.status]).toEqual(['running', 'running']);
    go.resolve();
    expect(await none.result).toBeNull();
    expect(await longer.result).toBeGreaterThan(Date.now() + 30_000);

    const Patient = handlerTask((task) => task.sleep(60_000), { timeout: 60_000 });
    const second = await createTaskApp({ tasks: [Patient], listen: false });
    const shorter = await second.coordinator.start(Patient, {}, { timeout: 20 });
    const watch = stopwatch();
    expect(await shorter.outcome).toMatchObject({ status: 'timeout', reason: { timeout: 20 } });
    expect(watch.elapsed).toBeLessThan(1_000);
  });

  it('TO.083 the time spent waiting for a place does not count', async () => {
    const Timed = handlerTask((task) => task.sleep(task.id === 'first' ? 100 : 10), {
      concurrency: 1,
      timeout: 50,
    });
    const { coordinator } = await createTaskApp({ tasks: [Timed], listen: false });
    await coordinator.start(Timed, {}, { id: 'first', timeout: 10_000 });
    const handle = await coordinator.start(Timed, {}, { id: 'second' });
    const events = collect(handle.events());
    const watch = stopwatch();
    const outcome = await expectEnd({ handle, events }, 'completed');
    expect(watch.elapsed).toBeGreaterThanOrEqual(95);
    expect(outcome.durationMs).toBeLessThan(95);
  });

  it('TO.086 a task that times out and ignores its signal is abandoned after the grace, with status timeout', async () => {
    const started = await startTask(() => new Promise(() => {}), { task: { timeout: 20, grace: 50 } });
    await started.running;
    const watch = stopwatch();
    const error = await rejection(started.handle.result);
    expectAbout(watch.elapsed, 70);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    const outcome = await expectEnd(started, 'timeout');
    expect(outcome).toMatchObject({ abandoned: true, reason: { kind: 'timeout', of: 'total' } });
    expect(started.events.events.at(-1)?.data).toMatchObject({ of: 'total', timeout: 20, abandoned: true });
    expect(started.logs.warnings.filter((line) => line.includes(started.handle.id))).toHaveLength(1);
  });
});
