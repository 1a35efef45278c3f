import { describe, expect, it } from '@jest/globals';
import type { StreamTaskOptions, TaskContext, TaskHandle } from 'nestjs-streaming';
import { logSides } from '../../../support/app/sides.js';
import { collect, type Collected, createTaskApp, handlerTask, type TaskApp } from '../../../support/app.js';
import { type Tally, tallied, tallies } from '../../../support/folding.js';
import { deferred } from '../../../support/wait.js';

interface Started {
  readonly app: TaskApp;
  readonly handle: TaskHandle;
  readonly events: Collected;
}

const broken = new Error('broken');

/** Throws on events of this type. */
function throwsOn(type: string): StreamTaskOptions {
  return {
    state: {
      initial: 0,
      reduce: (state, event) => {
        if (event.type === type) throw broken;
        return (state as number) + 1;
      },
    },
  };
}

const outcomeOf = async ({ handle, events }: Started): Promise<unknown[]> => {
  await events.done;
  const { status, error } = await handle.snapshot();
  return [status, error?.errorType];
};

describe.each(logSides)('a task that folds its events ($name)', (side) => {
  async function start(
    options: StreamTaskOptions,
    process: (task: TaskContext) => unknown,
    tasks: { maxEventBytes?: number } = {},
  ): Promise<Started> {
    const type = handlerTask(process, { backoff: 0, ...options });
    const app = await createTaskApp({ ...side, tasks: [type], options: { tasks } });
    const handle = await app.coordinator.start(type, {});
    return { app, handle, events: collect(handle.events()) };
  }

  async function stateOf({ handle }: Started): Promise<unknown> {
    return (await handle.snapshot()).state;
  }

  it('S66 goes on with its state in the next try', async () => {
    const started = await start({ ...(tallies as StreamTaskOptions), attempts: 3 }, async (task) => {
      await task.sendEvent('n', task.attempt);
      if (task.attempt < 3) throw new Error('not yet');
    });
    await started.events.done;
    expect(await stateOf(started)).toEqual({
      sum: 6,
      types: { started: 3, n: 3, retrying: 2, completed: 1 },
    });
    expect(started.events.events.reduce(tallied, { sum: 0, types: {} } as Tally)).toEqual(
      await stateOf(started),
    );
  });

  it('S66 gives the reducer copies: what it changes is nobody else’s', async () => {
    const initial = { rows: [] as unknown[] };
    const data = { n: 1 };
    const options: StreamTaskOptions<typeof initial> = {
      state: {
        initial,
        reduce(state, event) {
          if (event.type !== 'row') return state;
          (event.data as { n: number }).n += 1;
          state.rows.push(event.data);
          return state;
        },
      },
    };
    const started = await start(options, async (task) => {
      await task.sendEvent('row', data);
      data.n = 10;
      await task.sendEvent('row', data);
    });
    await started.events.done;
    expect(await stateOf(started)).toEqual({ rows: [{ n: 2 }, { n: 11 }] });
    expect(initial).toEqual({ rows: [] });
    expect(data).toEqual({ n: 10 });
  });

  it('S70 a reducer that throws makes the task failed, though it has attempts, and aborts its signal', async () => {
    const reasons: unknown[] = [];
    const started = await start({ ...throwsOn('bad'), attempts: 3 }, async (task) => {
      await task.sendEvent('good');
      await task.sendEvent('bad');
      try {
        await task.sleep(60_000);
      } finally {
        reasons.push(task.reason);
        await task.sendEvent('cleaned');
      }
    });
    expect(await outcomeOf(started)).toEqual(['failed', 'InvalidStateError']);
    expect(started.events.types).toEqual(['started', 'good', 'bad', 'cleaned', 'failed']);
    expect(started.events.events.at(-1)?.data).toEqual({
      errorType: 'InvalidStateError',
      message: expect.stringContaining('threw on the event "bad"'),
    });
    expect(reasons).toEqual([{ kind: 'self', detail: expect.stringContaining('"bad"') }]);
    // It stays as it was.
    expect(await stateOf(started)).toBe(2);
    expect(await started.handle.outcome).toMatchObject({ status: 'failed', requests: [] });
  });

  it('S70 so does one that throws on the terminal event, and its task has that one', async () => {
    const started = await start(throwsOn('completed'), async () => 'done');
    expect(await outcomeOf(started)).toEqual(['failed', 'InvalidStateError']);
    expect(started.events.types).toEqual(['started', 'failed']);
    expect(await stateOf(started)).toBe(1);
  });

  it.each(['started', 'retrying'])(
    'S70 so does one that throws on %s: no handler is called',
    async (type) => {
      let calls = 0;
      const started = await start({ ...throwsOn(type), attempts: 2 }, async () => {
        calls += 1;
        throw new Error('not yet');
      });
      expect(await outcomeOf(started)).toEqual(['failed', expect.anything()]);
      expect(calls).toBe(type === 'started' ? 0 : 1);
    },
  );

  it.each([
    ['too large', 'x'.repeat(300), 'more than the 200 of maxEventBytes'],
    ['what JSON cannot hold', new Map(), 'JSON cannot hold a Map'],
    ['undefined', undefined, 'undefined'],
    ['a promise', Promise.resolve(), 'JSON cannot hold a Promise'],
  ])('S70 so does a state that is %s', async (_what, state, message) => {
    const options: StreamTaskOptions = {
      state: { initial: 'first', reduce: (before, { type }) => (type === 'n' ? state : before) },
    };
    const started = await start(
      options,
      async (task) => {
        await task.sendEvent('n');
        task.throwIfCancelled();
      },
      { maxEventBytes: 200 },
    );
    expect(await outcomeOf(started)).toEqual(['failed', 'InvalidStateError']);
    expect(started.events.events.at(-1)?.data).toMatchObject({ message: expect.stringContaining(message) });
    expect(await stateOf(started)).toBe('first');
  });

  it('S70 a reducer that is async makes no unhandled rejection', async () => {
    const options = { state: { initial: 0, reduce: async () => Promise.reject(broken) } };
    const started = await start(options, (task) => task.sleep(60_000));
    expect(await outcomeOf(started)).toEqual(['failed', 'InvalidStateError']);
  });

  it('S70 it fails whatever its handler makes of it: a result, an error of its own, nothing', async () => {
    for (const end of [
      () => 'done',
      () => {
        throw new Error('own');
      },
      () => new Promise(() => undefined),
    ]) {
      const started = await start({ ...throwsOn('bad'), grace: 20, attempts: 2 }, async (task) => {
        await task.sendEvent('bad');
        return end();
      });
      expect(await outcomeOf(started)).toEqual(['failed', 'InvalidStateError']);
    }
  });

  it('S70 what its handler throws besides is in the log, unless that is its cancellation', async () => {
    const besides = async (end: (task: TaskContext) => unknown): Promise<string[]> => {
      const { app, events } = await start(throwsOn('bad'), async (task) => {
        await task.sendEvent('bad');
        return end(task);
      });
      await events.done;
      return app.logs.errors.filter((text) => text.startsWith('The handler of'));
    };
    const thrown = await besides(() => {
      throw new Error('own');
    });
    expect(thrown).toEqual([expect.stringContaining('Error: own')]);
    expect(await besides((task) => task.throwIfCancelled())).toEqual([]);
  });

  it('S70 it fails under a cancel too, and behind its point of no return', async () => {
    const cancelled = await start(throwsOn('bad'), async (task) => {
      await task.sendEvent('here');
      await task.sleep(60_000).catch(() => undefined);
      await task.sendEvent('bad');
      task.throwIfCancelled();
    });
    await cancelled.events.until('here');
    await cancelled.handle.cancel();
    expect(await outcomeOf(cancelled)).toEqual(['failed', 'InvalidStateError']);

    const written = deferred<void>();
    const committed = await start({ ...throwsOn('bad'), grace: 0 }, (task) =>
      task.commit(async (scope) => {
        await task.sendEvent('bad');
        expect(scope.cancelled).toBe(false);
        await scope.sleep(20);
        written.resolve();
      }),
    );
    expect(await outcomeOf(committed)).toEqual(['failed', 'InvalidStateError']);
    await written.promise;
  });

  it('S70 an event of cleanup that cannot be folded makes a completed task fail', async () => {
    const started = await start(throwsOn('bad'), async (task) => {
      task.defer(() => task.sendEvent('bad'));
      return 'done';
    });
    expect(await outcomeOf(started)).toEqual(['failed', 'InvalidStateError']);
  });
});
