import { describe, expect, it } from '@jest/globals';
import { ConflictException } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, ScopeTimeoutError, type TaskOutcome, TaskTimeoutError } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { logSides } from '../../../support/app/sides.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred, eventually } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

describe.each(logSides)('ER. Errors and outcomes ($name)', (side) => {
  it('ER.200 a CancelledError is an Error of its own, and no timeout error is one', async () => {
    const cancelled = new CancelledError({ kind: 'external', detail: 'test' });
    expect(cancelled).toBeInstanceOf(Error);
    expect(cancelled).toMatchObject({ name: 'CancelledError', code: 'ABORT_ERR' });
    expect(cancelled.reason).toEqual({ kind: 'external', detail: 'test' });
    expect(cancelled.message).not.toBe('');
    const timeouts = [new ScopeTimeoutError(10, cancelled), new TaskTimeoutError('total', 20, cancelled)];
    for (const error of timeouts) {
      expect(cancelled).not.toBeInstanceOf(error.constructor);
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toBeInstanceOf(CancelledError);
      expect(error.cause).toBe(cancelled);
    }
    expect(timeouts.map(({ timeout, of }) => [timeout, of])).toEqual([
      [10, 'scope'],
      [20, 'total'],
    ]);
    expect(timeouts[0]).not.toBeInstanceOf(TaskTimeoutError);
    expect(timeouts[1]).not.toBeInstanceOf(ScopeTimeoutError);

    const started = await startTask((task) => task.sleep(60_000), side);
    await started.running;
    await started.handle.cancel({ detail: 'test' });
    const error = await rejection(started.handle.result);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ name: 'CancelledError', code: 'ABORT_ERR', reason: cancelled.reason });
  });

  const swallow = async (sleep: Promise<void>): Promise<number> => {
    await sleep.catch(() => undefined);
    return 42;
  };

  it('ER.201 a handler that catches the cancellation and returns ends cancelled, with one warning', async () => {
    const started = await startTask((task) => swallow(task.sleep(60_000)), side);
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome).toMatchObject({ swallowed: true, discardedValue: 42, abandoned: false });
    expect(outcome.value).toBeUndefined();
    expect((await started.handle.snapshot()).finalValue).toBeNull();
    expect(await rejection(started.handle.result)).toBeInstanceOf(CancelledError);
    const key = started.coordinator.getTaskKey('test', started.handle.ref.name, started.handle.id);
    expect(started.logs.warnings).toHaveLength(1);
    expect(started.logs.warnings[0]).toContain(key);
  });

  it('ER.202 with swallowedCancel completed the same handler ends completed with its value', async () => {
    const started = await startTask((task) => swallow(task.sleep(60_000)), {
      ...side,
      task: { swallowedCancel: 'completed' },
    });
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    const outcome = await expectEnd(started, 'completed');
    expect(outcome).toMatchObject({ value: 42, swallowed: true });
    expect(await started.handle.result).toBe(42);
    expect(started.events.events.at(-1)?.data).toEqual({ finalValue: 42 });
    expect(started.logs.warnings.filter((line) => line.includes(started.handle.id))).toHaveLength(1);
  });

  it('ER.202 but not after a timeout, which cannot be withdrawn', async () => {
    const started = await startTask((task) => swallow(task.sleep(60_000)), {
      ...side,
      task: { swallowedCancel: 'completed', timeout: 20 },
    });
    const outcome = await expectEnd(started, 'timeout');
    expect(outcome).toMatchObject({ swallowed: true, discardedValue: 42 });
  });

  it('ER.204 a handler that throws an AbortError without any cancel ends failed', async () => {
    const error = new DOMException('The operation was aborted', 'AbortError');
    const started = await startTask(() => Promise.reject(error), side);
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(error);
    expect(outcome.cancellation).toBeUndefined();
    expect(await rejection(started.handle.result)).toBe(error);
    expect(started.events.types).toEqual(['started', 'failed']);
  });

  it('ER.205 a handler that waits with its signal in an API of Node ends cancelled', async () => {
    let thrown: unknown;
    const started = await startTask(async (task) => {
      try {
        await delay(60_000, undefined, { signal: task.signal });
      } catch (error) {
        thrown = error;
        throw error;
      }
    }, side);
    await started.running;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    expect(thrown).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    expect(thrown).not.toBeInstanceOf(CancelledError);
    expect(outcome.error).toBeInstanceOf(CancelledError);
    expect(outcome.swallowed).toBe(false);
  });

  it('ER.209 a handler that throws ends failed, and watchers are told nothing of an internal error', async () => {
    const error = new TypeError('the password is hunter2');
    const started = await startTask(async () => {
      await delay(1);
      throw error;
    }, side);
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(error);
    expect(started.events.types).toEqual(['started', 'failed']);
    const data = started.events.events[1]?.data as Record<string, unknown>;
    expect(Object.keys(data).toSorted()).toEqual(['errorType', 'message']);
    expect(data).toEqual({ message: 'Internal error', errorType: 'Error' });
    expect(started.logs.errors.join('\n')).toContain(error.stack);
  });

  it.each([
    ['an HttpException', new ConflictException('Out of stock'), 'ConflictException'],
    ['an error marked expose', Object.assign(new RangeError('Out of stock'), { expose: true }), 'RangeError'],
  ])('ER.209 the message of %s reaches watchers, without its stack', async (_what, error, errorType) => {
    const started = await startTask(() => Promise.reject(error), side);
    await expectEnd(started, 'failed');
    expect(started.events.events.at(-1)?.data).toStrictEqual({ message: 'Out of stock', errorType });
  });

  it('ER.211 a handler that ignores its signal is abandoned when the grace ends, and its place is free', async () => {
    using clock = new StoppedClock();
    const grace = 50;
    const never = deferred();
    const Stubborn = handlerTask(
      async (task) => {
        if (task.id === 'stubborn') await never.promise;
        return task.id;
      },
      { concurrency: 1, grace },
    );
    const { coordinator, logs } = await createTaskApp({ ...side, tasks: [Stubborn], listen: false });
    const handle = await coordinator.start(Stubborn, {}, { id: 'stubborn' });
    const next = await coordinator.start(Stubborn, {}, { id: 'next' });
    const events = collect(handle.events());
    await events.until('started');
    expect(await handle.cancel()).toBe(true);
    await clock.until(handle.outcome);
    expect(clock.now()).toBe(grace);
    const outcome = await expectEnd({ handle, events }, 'cancelled');
    expect(outcome.abandoned).toBe(true);
    expect(events.events.at(-1)?.data).toEqual({
      message: 'Task was cancelled',
      reason: 'external_cancellation',
      abandoned: true,
    });
    expect(await next.result).toBe('next');
    expect(logs.warnings.filter((line) => line.includes(':stubborn'))).toHaveLength(1);
    never.resolve();
  });

  it.each(['returns', 'throws'] as const)(
    'ER.212 an abandoned handler that later %s changes nothing, and one line is logged',
    async (how) => {
      const end = deferred();
      const started = await startTask(() => end.promise, { ...side, task: { grace: 20 } });
      await started.running;
      await started.handle.cancel();
      const outcome: TaskOutcome = { ...(await expectEnd(started, 'cancelled')) };
      const snapshot = await started.handle.snapshot();
      const before = started.logs.lines.length;

      if (how === 'returns') end.resolve();
      else end.reject(new Error('Too late'));
      await eventually(() => started.logs.lines.length > before);
      await delay(10);

      expect(started.logs.lines.slice(before).map(({ text }) => text)).toEqual([
        expect.stringContaining(started.handle.id),
      ]);
      expect(await started.handle.outcome).toEqual(outcome);
      expect(await started.handle.snapshot()).toEqual(snapshot);
      expect(await started.coordinator.get(started.handle.ref)).toEqual(snapshot);
      expect((await collect(started.handle.events()).done).map(({ type }) => type)).toEqual([
        'started',
        'cancelled',
      ]);
    },
  );
});
