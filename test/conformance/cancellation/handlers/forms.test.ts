import { describe, expect, it } from '@jest/globals';
import { concat, from, NEVER, Observable, of, throwError } from 'rxjs';
import { CancelledError } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';
import { stopwatch } from '../timing.js';

const progressOf = (events: { events: readonly { type: string; data: unknown }[] }): unknown[] =>
  events.events.filter(({ type }) => type === 'progress').map(({ data }) => data);

describe('AD. Handler forms', () => {
  it('AD.218 what a generator yields is progress, and what it returns is the result', async () => {
    const started = await startTask(async function* () {
      yield 10;
      await Promise.resolve();
      yield { percent: 50, message: 'half' };
      return { done: true };
    });
    const outcome = await expectEnd(started, 'completed');
    expect(progressOf(started.events)).toEqual([{ percent: 10 }, { percent: 50, message: 'half' }]);
    expect(outcome.value).toEqual({ done: true });
    expect((await started.handle.snapshot()).progress).toEqual({ percent: 50, message: 'half' });
  });

  it('AD.218 a generator that returns nothing has the value it yielded last as its result', async () => {
    const started = await startTask(async function* () {
      yield { step: 1 };
      yield { step: 2 };
    });
    const outcome = await expectEnd(started, 'completed');
    expect(outcome.value).toEqual({ step: 2 });
  });

  it('AD.219 a cancellation is thrown at the yield where the generator stands', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async function* () {
      try {
        for (let n = 1; ; n++) yield n;
      } catch (error) {
        trace.push(error);
        throw error;
      } finally {
        trace.push('finally');
      }
    });
    await started.events.until('progress');
    expect(await started.handle.cancel()).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(trace).toEqual([expect.any(CancelledError), 'finally']);
    expect(outcome.error).toBe(trace[0]);
  });

  it('AD.219 a generator may go on after it caught the cancellation, and report', async () => {
    const started = await startTask(async function* () {
      try {
        for (let n = 1; ; n++) yield n;
      } finally {
        yield { message: 'cleaning' };
      }
    });
    await started.events.until('progress');
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(progressOf(started.events).at(-1)).toEqual({ message: 'cleaning' });
  });

  it('AD.222 a generator that is cancelled before its start runs none of its code', async () => {
    const trace: string[] = [];
    const Generator = handlerTask(async function* () {
      trace.push('began');
      try {
        yield 1;
        await Promise.resolve();
      } finally {
        trace.push('finally');
      }
    });
    const { coordinator } = await createTaskApp({ tasks: [Generator], listen: false });
    const handle = await coordinator.start(Generator, {});
    expect(await handle.cancel()).toBe(true);
    await expectEnd({ handle, events: collect(handle.events()) }, 'cancelled');
    await new Promise(setImmediate);
    expect(trace).toEqual([]);
  });

  it('AD.222 nor does one that is returned when the task is cancelled already', async () => {
    const trace: string[] = [];
    async function* steps(): AsyncGenerator<number> {
      trace.push('began');
      await Promise.resolve();
      yield 1;
    }
    const started = await startTask((task) => {
      task.cancel();
      return steps();
    });
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason?.kind).toBe('self');
    expect(trace).toEqual([]);
  });

  it('AD.223 an Observable: each value is progress, the last one the result', async () => {
    const started = await startTask(() => from([25, 50, { percent: 100 }]));
    const outcome = await expectEnd(started, 'completed');
    expect(progressOf(started.events)).toEqual([{ percent: 25 }, { percent: 50 }, { percent: 100 }]);
    expect(outcome.value).toEqual({ percent: 100 });

    const error = new Error('Broken');
    const failing = await startTask(() =>
      concat(
        of(1),
        throwError(() => error),
      ),
    );
    expect((await expectEnd(failing, 'failed')).error).toBe(error);
  });

  it('AD.223 a cancel unsubscribes from an Observable, its teardown runs once, and the task ends cancelled', async () => {
    let teardowns = 0;
    const started = await startTask(
      () =>
        new Observable<number>((subscriber) => {
          subscriber.next(1);
          return () => {
            teardowns += 1;
          };
        }),
    );
    await started.events.until('progress');
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(teardowns).toBe(1);
    expect(outcome).toMatchObject({ swallowed: false, abandoned: false });
  });

  it('AD.223 cancelled before its start it is never subscribed to', async () => {
    let subscriptions = 0;
    const Source = handlerTask(
      () =>
        new Observable(() => {
          subscriptions += 1;
        }),
    );
    const { coordinator } = await createTaskApp({ tasks: [Source], listen: false });
    const handle = await coordinator.start(Source, {});
    await handle.cancel();
    await expectEnd({ handle, events: collect(handle.events()) }, 'cancelled');
    await new Promise(setImmediate);
    expect(subscriptions).toBe(0);
  });

  it('AD.223 nor is one whose handler was cancelled before it returned it', async () => {
    let subscriptions = 0;
    const started = await startTask(async (task) => {
      await task.sleep(60_000).catch(() => undefined);
      return new Observable(() => {
        subscriptions += 1;
        return NEVER.subscribe();
      });
    });
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(subscriptions).toBe(0);
  });

  it('AD.232 a cancel while the handler blocks the thread is accepted after it, and the next checkpoint throws', async () => {
    const answers: Promise<boolean>[] = [];
    const reached = deferred();
    let wentOn = false;
    let thrown: unknown;
    const started = await startTask(async (task) => {
      setTimeout(() => answers.push(started.handle.cancel()), 10);
      const watch = stopwatch();
      while (watch.elapsed < 200);
      wentOn = !task.cancelled;
      reached.resolve();
      try {
        await task.yield();
        await task.sleep(600_000);
      } catch (error) {
        thrown = error;
        throw error;
      }
    });
    await reached.promise;
    await expectEnd(started, 'cancelled');
    expect(wentOn).toBe(true);
    expect(thrown).toBeInstanceOf(CancelledError);
    expect(await Promise.all(answers)).toEqual([true]);
  });
});
