import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, type TaskOutcome, type TerminalStatus } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { takesEffect } from '../../../support/app/store.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

describe('CL. Cleanup, finally, defer', () => {
  it('CL.044 a finally block has run before outcome resolves', async () => {
    let flag = false;
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        flag = true;
      }
    });
    await started.running;
    await started.handle.cancel();
    await started.handle.outcome;
    expect(flag).toBe(true);
    await expectEnd(started, 'cancelled');
  });

  it('CL.045 outcome waits for a finally that awaits without the signal, and it is not abandoned', async () => {
    const cleaning = deferred();
    let cleaned = false;
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await cleaning.promise;
        cleaned = true;
      }
    });
    await started.running;
    await started.handle.cancel();
    await new Promise(setImmediate);
    expect(started.handle.status).toBe('cancelling');
    cleaning.resolve();
    const outcome = await started.handle.outcome;
    expect(cleaned).toBe(true);
    expect(outcome.abandoned).toBe(false);
    await expectEnd(started, 'cancelled');
  });

  it('CL.047 defers run last registered first, strictly one after the other', async () => {
    const trace: string[] = [];
    const started = await startTask((task) => {
      for (const n of [1, 2, 3]) {
        task.defer(async () => {
          trace.push(`${n} begins`);
          await delay(10 * (4 - n));
          trace.push(`${n} ends`);
        });
      }
    });
    await expectEnd(started, 'completed');
    expect(trace).toEqual(['3 begins', '3 ends', '2 begins', '2 ends', '1 begins', '1 ends']);
  });

  it.each<{ status: TerminalStatus; body: 'return' | 'throw' | 'sleep'; timeout?: number }>([
    { status: 'completed', body: 'return' },
    { status: 'failed', body: 'throw' },
    { status: 'cancelled', body: 'sleep' },
    { status: 'timeout', body: 'sleep', timeout: 20 },
  ])('CL.048 a defer of a task that ends $status runs once and gets that status', async (example) => {
    const { status, body, timeout = null } = example;
    const seen: TaskOutcome[] = [];
    let announced: string[] = [];
    const started = await startTask(
      async (task) => {
        task.defer(async (outcome) => {
          seen.push(outcome);
          await task.sendEvent('cleaning');
          await takesEffect(() => {
            announced = started.events.types.slice();
            expect(announced).toContain('cleaning');
          });
        });
        if (body === 'sleep') await task.sleep(60_000);
        if (body === 'throw') throw new Error('Broken');
        return 'value';
      },
      { task: { timeout } },
    );
    await started.running;
    if (status === 'cancelled') await started.handle.cancel();
    await expectEnd(started, status);
    expect(seen.map((outcome) => outcome.status)).toEqual([status]);
    if (status === 'completed') expect(seen[0]?.value).toBe('value');
    else expect(seen[0]?.error).toBe((await started.handle.outcome).error);
    expect(announced).toEqual(['started', 'cleaning']);
  });

  it('CL.049 after a defer that throws the others still run, and the task ends failed with its error', async () => {
    const trace: number[] = [];
    const error = new Error('Second failed');
    const started = await startTask((task) => {
      task.defer(() => trace.push(1));
      task.defer(async () => {
        trace.push(2);
        await delay(1);
        throw error;
      });
      task.defer(() => trace.push(3));
      return 42;
    });
    const outcome = await expectEnd(started, 'failed');
    expect(trace).toEqual([3, 2, 1]);
    expect(outcome.error).toBe(error);
    expect(await rejection(started.handle.result)).toBe(error);
  });

  it('CL.049 the errors of several defers are one AggregateError, in the order they happened', async () => {
    const [first, second] = [new Error('First'), new Error('Second')];
    const started = await startTask((task) => {
      task.defer(() => {
        throw second;
      });
      task.defer(() => Promise.reject(first));
    });
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBeInstanceOf(AggregateError);
    expect((outcome.error as AggregateError).errors).toEqual([first, second]);
  });

  it('CL.049 a defer that throws while the task is cancelled makes it failed, with the cancellation beside it', async () => {
    const error = new Error('Defer failed');
    const started = await startTask(async (task) => {
      task.defer(() => {
        throw error;
      });
      await task.sleep(60_000);
    });
    await started.running;
    await started.handle.cancel({ detail: 'test' });
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(error);
    expect(outcome.cancellation).toBeInstanceOf(CancelledError);
    expect(outcome.cancellation?.reason).toEqual({ kind: 'external', detail: 'test' });
  });

  it('CL.051 an error thrown by cleanup makes a cancelled task failed, with the cancellation beside it', async () => {
    const error = new Error('Cleanup failed');
    const fail = async (): Promise<void> => {
      await delay(1);
      throw error;
    };
    const started = await startTask(async (task) => {
      try {
        await task.sleep(60_000);
      } finally {
        await fail();
      }
    });
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    const outcome = await expectEnd(started, 'failed');
    expect(outcome.error).toBe(error);
    expect(outcome.cancellation).toBeInstanceOf(CancelledError);
    expect(outcome.cancellation?.reason.kind).toBe('external');
    expect(await rejection(started.handle.result)).toBe(error);
    expect(started.events.types).toEqual(['started', 'failed']);
  });

  it('CL.052 a defer that is registered after the cancellation was caught runs too', async () => {
    const trace: string[] = [];
    const started = await startTask(async (task) => {
      task.defer(() => trace.push('before'));
      try {
        await task.sleep(60_000);
      } catch (error) {
        task.defer(() => trace.push('after'));
        throw error;
      }
    });
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(trace).toEqual(['after', 'before']);
  });

  it('CL.054 a task that is cancelled right after start never runs its handler', async () => {
    let calls = 0;
    const Worker = handlerTask(() => ++calls);
    const Marker = handlerTask(() => 'ran');
    const { coordinator } = await createTaskApp({ tasks: [Worker, Marker], listen: false });
    const handle = await coordinator.start(Worker, {});
    const accepted = handle.cancel();
    const events = collect(handle.events());
    expect(await accepted).toBe(true);
    const outcome = await expectEnd({ handle, events }, 'cancelled');
    expect(outcome.started).toBe(false);
    expect(events.types).toEqual(['cancelled']);
    // A task that was started later has run: the cancelled one would have, too.
    await (
      await coordinator.start(Marker, {})
    ).result;
    expect(calls).toBe(0);
    expect(await coordinator.isTaskRunning(handle.ref.app, handle.ref.name, handle.id)).toBe(false);
  });

  it('CL.054 a task that is cancelled while it waits for a place never runs its handler', async () => {
    const go = deferred();
    const calls: string[] = [];
    const Worker = handlerTask(
      async (task) => {
        calls.push(task.id);
        await task.waitFor(go.promise);
      },
      { concurrency: 1 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Worker], listen: false });
    const [first, cancelled, last] = await Promise.all(
      ['first', 'cancelled', 'last'].map((id) => coordinator.start(Worker, {}, { id })),
    );
    const events = collect(cancelled!.events());
    await collect(first!.events()).until('started');
    expect(cancelled!.status).toBe('pending');
    expect(await cancelled!.cancel()).toBe(true);
    const outcome = await expectEnd({ handle: cancelled!, events }, 'cancelled');
    expect(outcome.started).toBe(false);
    expect(events.types).toEqual(['cancelled']);
    go.resolve();
    await Promise.all([first!.result, last!.result]);
    expect(calls).toEqual(['first', 'last']);
  });

  it('CL.055 an event that cleanup sends reaches the watchers before the terminal one', async () => {
    let sent: string | undefined;
    const started = await startTask(async (task) => {
      task.defer(async () => {
        await task.sendEvent('deferred-cleanup');
      });
      try {
        await task.sleep(60_000);
      } finally {
        await task.sendEvent('cleanup', { step: 1 });
        sent = 'resolved';
      }
    });
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(sent).toBe('resolved');
    expect(started.events.types).toEqual(['started', 'cleanup', 'deferred-cleanup', 'cancelled']);
    expect(started.events.events[1]?.data).toEqual({ step: 1 });
  });

  it('CL.056 sendEvent after the terminal event does nothing, and its promise resolves', async () => {
    const end = deferred();
    const sent = deferred<Promise<void>[]>();
    const started = await startTask(
      async (task) => {
        await end.promise;
        sent.resolve([task.sendEvent('late', { n: 1 }), task.progress(99)]);
      },
      { task: { grace: 20 } },
    );
    await started.running;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    const lastEventId = started.events.events.at(-1)?.id;
    end.resolve();
    await Promise.all(await sent.promise);
    expect(started.events.types).toEqual(['started', 'cancelled']);
    expect((await collect(started.handle.events()).done).map(({ type }) => type)).toEqual([
      'started',
      'cancelled',
    ]);
    expect(await started.handle.snapshot()).toMatchObject({ lastEventId, progress: null });
  });

  it('CL.056 the same for a task that completed and left code running', async () => {
    const end = deferred();
    let late: Promise<void> | undefined;
    const started = await startTask((task) => {
      void end.promise.then(() => (late = task.sendEvent('late')));
      return 'done';
    });
    await expectEnd(started, 'completed');
    end.resolve();
    await end.promise;
    expect(late).toBeDefined();
    await late;
    expect(started.events.types).toEqual(['started', 'completed']);
  });

  it('CL.059 the signal of a defer is not aborted by the cancellation, but when the grace runs out', async () => {
    using clock = new StoppedClock();
    let atFirst: boolean | undefined;
    let abortedAt: number | undefined;
    const grace = 100;
    const started = await startTask(
      async (task) => {
        task.defer(async (_outcome, signal) => {
          atFirst = signal.aborted;
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve, { once: true });
          });
          abortedAt = clock.now();
        });
        await task.sleep(60_000);
      },
      { task: { grace } },
    );
    await started.running;
    await started.handle.cancel();
    await clock.until(expectEnd(started, 'cancelled'));
    expect(atFirst).toBe(false);
    expect(abortedAt).toBe(grace);
  });

  it('CL.060 a defer of an abandoned task runs once, and not again when its handler settles', async () => {
    const end = deferred();
    let defers = 0;
    let settled = false;
    const started = await startTask(
      async (task) => {
        task.defer(() => {
          defers += 1;
        });
        try {
          await end.promise;
        } finally {
          settled = true;
        }
      },
      { task: { grace: 50 } },
    );
    await started.running;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.abandoned).toBe(true);
    expect(defers).toBe(1);
    end.resolve();
    await delay(1);
    expect(settled).toBe(true);
    await delay(20);
    expect(defers).toBe(1);
  });
});
