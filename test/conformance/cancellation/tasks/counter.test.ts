import { describe, expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { takesEffect } from '../../../support/app/store.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

describe('NS. The cancellation counter', () => {
  it('NS.097 cancelling counts the accepted cancels', async () => {
    const counts: number[] = [];
    const cleaned = deferred();
    let context: TaskContext | undefined;
    const started = await startTask(async (task) => {
      context = task;
      counts.push(task.cancelling);
      try {
        await task.sleep(60_000);
      } finally {
        await cleaned.promise;
      }
    });
    await started.running;
    for (const requests of [1, 2]) {
      expect(await started.handle.cancel()).toBe(true);
      await takesEffect(() => expect(context!.cancelling).toBe(requests));
    }
    cleaned.resolve();
    await expectEnd(started, 'cancelled');
    expect(counts).toEqual([0]);
  });

  it('NS.098 after uncancel the task has a fresh signal, works on, and completes', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      const first = task.signal;
      const error = await rejection(task.sleep(60_000));
      trace.push(first.aborted, error === first.reason);
      trace.push(task.uncancel());
      trace.push(task.signal === first, task.signal.aborted, task.cancelled, task.reason, task.cancelling);
      task.throwIfCancelled();
      await task.sleep(1);
      return 'after all';
    });
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    const outcome = await expectEnd(started, 'completed');
    expect(trace).toEqual([true, true, 0, false, false, false, undefined, 0]);
    expect(outcome).toMatchObject({ value: 'after all', swallowed: false });
    expect(outcome.reason).toBeUndefined();
    expect(outcome.requests.map(({ kind }) => kind)).toEqual(['external']);
    expect(started.logs.warnings).toEqual([]);
    expect((await started.handle.snapshot()).cancellation).toBeNull();
  });

  it('NS.098 it can be cancelled anew after that, and the status follows', async () => {
    const again = deferred();
    const started = await startTask(async (task) => {
      await rejection(task.sleep(60_000));
      await takesEffect(() => expect(started.handle.status).toBe('cancelling'));
      task.uncancel();
      await takesEffect(() => expect(started.handle.status).toBe('running'));
      again.resolve();
      await task.sleep(60_000);
    });
    await started.running;
    await started.handle.cancel({ detail: 'first' });
    await again.promise;
    expect(await started.handle.cancel({ detail: 'second' })).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason?.detail).toBe('second');
    expect(outcome.requests.map(({ detail }) => detail)).toEqual(['first', 'second']);
  });

  it('NS.098 with two requests the first uncancel leaves one, which is the reason', async () => {
    const trace: unknown[] = [];
    const second = deferred();
    let context: TaskContext | undefined;
    const started = await startTask(async (task) => {
      context = task;
      await rejection(task.sleep(60_000));
      await second.promise;
      trace.push(task.uncancel(), task.signal.aborted, task.reason?.detail);
      await task.sleep(60_000);
    });
    await started.running;
    await started.handle.cancel({ detail: 'first' });
    await started.handle.cancel({ detail: 'second' });
    await takesEffect(() => expect(context!.cancelling).toBe(2));
    second.resolve();
    const outcome = await expectEnd(started, 'cancelled');
    expect(trace).toEqual([1, true, 'first']);
    expect(outcome.reason?.detail).toBe('first');
  });

  it('NS.102 uncancel with nothing to withdraw returns 0, and after the end it has no effect', async () => {
    const counts: number[] = [];
    let context: TaskContext | undefined;
    const started = await startTask(async (task) => {
      context = task;
      counts.push(task.uncancel());
      await task.sleep(60_000);
    });
    await started.running;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    const snapshot = await started.handle.snapshot();
    counts.push(context!.uncancel());
    expect(counts).toEqual([0, 0]);
    expect(context!.signal.aborted).toBe(true);
    expect(await started.handle.outcome).toBe(outcome);
    expect(await started.handle.snapshot()).toEqual(snapshot);
    await expectEnd(started, 'cancelled');
  });

  it('NS.102 a timeout cannot be withdrawn', async () => {
    const counts: number[] = [];
    const started = await startTask(
      async (task) => {
        const error = await rejection(task.sleep(60_000));
        counts.push(task.uncancel(), task.cancelling);
        throw error;
      },
      { task: { timeout: 20 } },
    );
    await expectEnd(started, 'timeout');
    expect(counts).toEqual([1, 1]);
  });

  it('NS.105 uncancel to zero stops the grace', async () => {
    using clock = new StoppedClock();
    const started = await startTask(
      async (task) => {
        await rejection(task.sleep(60_000));
        task.uncancel();
        await task.sleep(120);
        return 'in peace';
      },
      { task: { grace: 40 } },
    );
    await started.running;
    await started.handle.cancel();
    await clock.advance(120);
    const outcome = await expectEnd(started, 'completed');
    expect(outcome).toMatchObject({ value: 'in peace', abandoned: false });
    expect(started.logs.warnings).toEqual([]);
  });

  it('NS.105 a request that comes after uncancel has a grace of its own', async () => {
    using clock = new StoppedClock();
    const started = await startTask(
      async (task) => {
        await rejection(task.sleep(60_000));
        task.uncancel();
        // Whatever comes now, it does not look.
        await new Promise(() => {});
      },
      { task: { grace: 40 } },
    );
    await started.running;
    await started.handle.cancel();
    await clock.advance(30);
    await started.handle.cancel();
    await clock.advance(39);
    expect(started.handle.status).toBe('cancelling');
    await clock.advance(1);
    expect(started.handle.status).toBe('cancelled');
    expect(await expectEnd(started, 'cancelled')).toMatchObject({ abandoned: true, durationMs: 70 });
  });
});
