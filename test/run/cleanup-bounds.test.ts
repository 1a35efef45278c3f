import { describe, expect, it } from '@jest/globals';
import { Injectable, Scope } from '@nestjs/common';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { StreamTask, TaskEndedError } from 'nestjs-streaming';
import { createTaskApp, startTask } from '../support/app.js';
import { StoppedClock } from '../support/stopped-clock.js';
import { deferred, eventually, patience } from '../support/wait.js';

describe('cleanup that registers itself again', () => {
  it.each<[string, () => Promise<void>]>([
    ['behind some I/O', () => new Promise((resolve) => void setImmediate(resolve))],
    ['at once', () => Promise.resolve()],
  ])('%s: ends with the grace, and the event loop goes on', async (_what, wait) => {
    let turns = 0;
    let error: unknown;
    const ticking = setInterval(() => turns++, 1);
    const { handle } = await startTask(
      async (task) => {
        const release = async (): Promise<void> => {
          await wait();
          try {
            task.defer(release);
          } catch (thrown) {
            error = thrown;
          }
        };
        task.defer(release);
      },
      { task: { grace: 50 } },
    );
    expect((await handle.outcome).status).toBe('completed');
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(0);
    expect(error).toBeInstanceOf(TaskEndedError);
  });

  it('what was registered in time is called, also when the time is over', async () => {
    const called: number[] = [];
    const { handle, logs } = await startTask(
      async (task) => {
        for (let n = 1; n <= 3; n++) task.defer(() => void called.push(n));
        task.defer(() => new Promise(() => {}));
      },
      { task: { grace: 10 } },
    );
    expect(await handle.outcome).toMatchObject({ status: 'completed', abandoned: true });
    expect(called).toEqual([3, 2, 1]);
    expect(logs.warnings).toEqual([expect.stringMatching(/^Cleanup of test:.* was given up$/)]);
  });

  it('has the cancellation beside its error when the handler completed in spite of it', async () => {
    const { handle, running } = await startTask(
      async (task) => {
        task.defer(() => {
          throw new Error('The file is locked');
        });
        await task.sleep(60_000).catch(() => {});
        return 5;
      },
      { task: { swallowedCancel: 'completed' } },
    );
    await running;
    await eventually(() => handle.status === 'running');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({
      status: 'failed',
      swallowed: true,
      error: { message: 'The file is locked' },
      cancellation: { name: 'CancelledError', reason: { kind: 'external' } },
      discardedValue: 5,
    });
  });

  it('does not hold up a shutdown', async () => {
    const { coordinator, handle } = await startTask(
      async (task) => {
        const release = async (): Promise<void> => {
          await delay(1);
          task.defer(release);
        };
        task.defer(release);
      },
      { task: { grace: 600_000 } },
    );
    await eventually(() => handle.status === 'running');
    const report = await coordinator.shutdown({ timeout: 30 });
    expect(report.durationMs).toBeLessThan(patience);
  });
});

it('cleanup between two tries that outlives its task leaves no clock behind, and no signal aborts later', async () => {
  using clock = new StoppedClock();
  const cleanup = deferred();
  const cleaning = deferred();
  let aborts = 0;
  const { handle } = await startTask(
    (task) => {
      task.defer(async (_outcome, signal) => {
        signal.addEventListener('abort', () => aborts++);
        cleaning.resolve();
        await cleanup.promise;
      });
      throw new Error('the first try');
    },
    { task: { attempts: 2, grace: 10_000 } },
  );
  await cleaning.promise;
  await handle.cancel({ grace: 100 });
  expect(await clock.until(handle.outcome)).toMatchObject({ status: 'cancelled', abandoned: true });
  cleanup.resolve();
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  // What is left is the store's, which forgets the task after its `retention`.
  expect(clock.pending.filter(({ dueAt }) => dueAt < 60_000)).toEqual([]);
  await clock.advance(60_000);
  expect(aborts).toBe(0);
});

describe('a handler whose providers are made for each try', () => {
  it('has begun only when its process() is called', async () => {
    const making = deferred();
    const made = deferred();
    @Injectable({ scope: Scope.REQUEST })
    class Slow {}
    @StreamTask()
    class Task {
      constructor(readonly slow: Slow) {}
      process(): number {
        return 1;
      }
    }
    const { coordinator } = await createTaskApp({
      tasks: [Task],
      listen: false,
      providers: [
        {
          provide: Slow,
          scope: Scope.REQUEST,
          useFactory: async () => {
            making.resolve();
            await made.promise;
            return new Slow();
          },
        },
      ],
    });
    const handle = await coordinator.start(Task, {});
    await making.promise;
    await handle.cancel();
    made.resolve();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', started: false, durationMs: 0 });
  });
});
