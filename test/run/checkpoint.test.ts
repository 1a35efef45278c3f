import { describe, expect, it } from '@jest/globals';
import { InvalidEventError, type Json, type StreamTaskOptions, type TaskContext } from 'nestjs-streaming';
import { TaskLog } from '../../lib/log/task-log.js';
import { createTaskApp, handlerTask, startTask } from '../support/app.js';
import { loneRun } from '../support/lone-run.js';
import { RemoteJournal } from '../support/remote-journal.js';
import { deferred } from '../support/wait.js';

const twice: StreamTaskOptions = { attempts: 2, backoff: 0 };

/** What the second try of a task finds, when the first has done this and fails. */
async function foundAfter(first: (task: TaskContext) => unknown): Promise<Json> {
  const { handle } = await startTask(
    async (task) => {
      if (task.attempt > 1) return { found: task.checkpoint };
      await first(task);
      throw new Error('not yet');
    },
    { task: twice },
  );
  return ((await handle.result) as { found: Json }).found;
}

describe('a checkpoint', () => {
  it('is null where none was saved', async () => {
    expect(await foundAfter((task) => expect(task.checkpoint).toBeNull())).toBeNull();
  });

  it('is the newest, in every later try', async () => {
    const found: Json[] = [];
    const { handle } = await startTask(
      async (task) => {
        found.push(task.checkpoint);
        if (task.attempt === 4) return;
        // The second try saves none.
        if (task.attempt !== 2) {
          await task.saveCheckpoint({ row: 0 });
          await task.saveCheckpoint({ row: task.attempt });
        }
        // It is what this try has found.
        expect(task.checkpoint).toEqual(found.at(-1));
        throw new Error('not yet');
      },
      { task: { attempts: 4, backoff: 0 } },
    );
    expect((await handle.outcome).status).toBe('completed');
    expect(found).toEqual([null, { row: 1 }, { row: 1 }, { row: 3 }]);
  });

  it('is what the data was when it was saved, and each try has its own', async () => {
    const data = { rows: [1] };
    const found: Json[] = [];
    const { handle } = await startTask(
      async (task) => {
        const checkpoint = task.checkpoint as { rows: number[] } | null;
        found.push(structuredClone(checkpoint));
        if (!checkpoint) void task.saveCheckpoint(data);
        data.rows.push(2);
        checkpoint?.rows.push(3);
        expect(task.checkpoint).toBe(checkpoint);
        if (task.attempt < 3) throw new Error('not yet');
      },
      { task: { attempts: 3, backoff: 0 } },
    );
    expect((await handle.outcome).status).toBe('completed');
    expect(found).toEqual([null, { rows: [1] }, { rows: [1] }]);
  });

  it.each([null, 0, '', false, [], { at: '\u2028' }])('may be %j', async (data) => {
    expect(await foundAfter((task) => task.saveCheckpoint(data))).toEqual(data);
  });

  it('may be saved in the cleanup of its try', async () => {
    expect(await foundAfter((task) => task.defer(() => task.saveCheckpoint('cleanup')))).toBe('cleanup');
  });

  it('is no event, and stands in no snapshot', async () => {
    const saved = deferred();
    const { handle, events } = await startTask(async (task) => {
      await task.saveCheckpoint('secret');
      saved.resolve();
      await task.waitForSignal('go');
    });
    await saved.promise;
    expect(JSON.stringify(await handle.snapshot())).not.toContain('secret');
    await handle.cancel();
    expect(JSON.stringify(await events.done)).not.toContain('secret');
  });

  it('is gone when the task ends: one of its id that runs again has none', async () => {
    const Work = handlerTask((task: TaskContext) => {
      const { checkpoint } = task;
      void task.saveCheckpoint('old');
      return checkpoint;
    });
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    for (let n = 0; n < 2; n++) {
      const handle = await coordinator.start(Work, {}, { id: 'one', restart: true });
      expect([handle.created, await handle.result]).toEqual([true, null]);
    }
  });
});

describe('saveCheckpoint', () => {
  const cycle: Record<string, unknown> = { name: 'loop' };
  cycle['self'] = cycle;
  it.each<[string, unknown, string]>([
    ['a Map inside it', { rows: new Map([[1, 2]]) }, 'JSON cannot hold a Map at "rows"'],
    ['a BigInt', 1n, 'JSON cannot hold a BigInt'],
    ['NaN', [{ at: NaN }], 'JSON cannot hold NaN at "0.at"'],
    ['a cycle', cycle, 'JSON cannot hold a cycle at "self"'],
    ['a function', () => 0, 'JSON cannot hold a function'],
  ])('throws at once for %s, and keeps what was there', async (_what, data, why) => {
    const found = await foundAfter((task) => {
      void task.saveCheckpoint('before');
      expect(() => task.saveCheckpoint(data as Json)).toThrow(
        `The checkpoint of ${task.key} cannot be saved: ${why}`,
      );
      expect(() => task.saveCheckpoint(data as Json)).toThrow(InvalidEventError);
    });
    expect(found).toBe('before');
  });

  it('takes maxEventBytes and no more', async () => {
    const { handle } = await startTask(
      async (task) => {
        await task.saveCheckpoint('x'.repeat(98));
        expect(() => task.saveCheckpoint('x'.repeat(99))).toThrow(
          `The checkpoint of ${task.key} has 101 bytes, more than the 100 of maxEventBytes; store it elsewhere and save where`,
        );
      },
      { task: { maxEventBytes: 100 } },
    );
    expect((await handle.outcome).status).toBe('completed');
  });

  it('does nothing after the end of its try, and does not reject', async () => {
    const late = deferred();
    const found = await foundAfter((task) => {
      void task.saveCheckpoint('in time');
      const saveLate = (): void => void task.saveCheckpoint('late').then(late.resolve, late.reject);
      task.defer(() => void setImmediate(saveLate));
    });
    await late.promise;
    expect(found).toBe('in time');
  });

  it('does nothing after the end of its task', async () => {
    let task!: TaskContext;
    const { handle } = await startTask((context) => void (task = context));
    await handle.outcome;
    await expect(task.saveCheckpoint(1)).resolves.toBeUndefined();
    // Nor is it looked at.
    await expect(task.saveCheckpoint(1n as never)).resolves.toBeUndefined();
  });

  it('does nothing in a handler that was abandoned', async () => {
    const done = deferred();
    const { handle, running } = await startTask(async (task) => {
      await new Promise((resolve) => task.signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await task.saveCheckpoint(1).then(done.resolve, done.reject);
    });
    await running;
    await handle.cancel({ grace: 0 });
    expect((await handle.outcome).abandoned).toBe(true);
    await done.promise;
  });

  it('is told to the journal in its place between the events; its promise settles when that has it', async () => {
    const journal = new RemoteJournal();
    const { run } = await loneRun(journal.log, journal, async (task) => {
      void task.sendEvent('one');
      await task.saveCheckpoint({ row: 1 });
      expect(journal.checkpoints).toEqual(['{"row":1} after 2']);
      journal.refusal = new Error('no room');
      expect(() => task.saveCheckpoint({ row: 2 })).toThrow('no room');
      expect(run.events.checkpoint).toBe('{"row":1}');
    });
    run.begin();
    expect((await run.outcome).status).toBe('completed');
    expect(run.events.checkpoint).toBeUndefined();
  });

  it('is kept by the run where the journal keeps none', async () => {
    const log = new TaskLog({ app: 'test', name: 'work', id: 'one' }, { events: 10, bytes: 1_000 });
    const { run } = await loneRun(log, log, (task) => task.saveCheckpoint(1).then(() => task.sleep(60_000)));
    run.begin();
    expect(run.events.checkpoint).toBe('1');
    run.cancel('external');
    await run.outcome;
    expect(run.events.checkpoint).toBeUndefined();
  });
});
