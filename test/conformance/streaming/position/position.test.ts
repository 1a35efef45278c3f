import { describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { setImmediate as turn } from 'node:timers/promises';
import { TaskStore } from '../../../../lib/engine/local/task-store.js';
import { formatFrame } from '../../../../lib/log/wire/event-frame.js';
import { sides } from '../../../support/app/sides.js';
import { describeInProcess, inOneProcess, itInProcess } from '../../../support/app/store.js';
import {
  codeOf,
  createTaskApp,
  epochOf,
  expectNoHole,
  PuppetTask,
  range,
  seqOf,
  type TaskApp,
  watch,
} from '../../../support/watching.js';

describe.each(sides)('position and identity ($name)', (side) => {
  function serve(puppet: PuppetTask, options = {}): Promise<TaskApp> {
    return createTaskApp({ ...side, tasks: [puppet.type], options });
  }

  it('S1 every event has an id, and seq rises by one, terminal event included', async () => {
    const task = new PuppetTask({ attempts: 2, backoff: 0, announceCancelling: true });
    const app = await serve(task);
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    puppet.count(5);
    void puppet.context.progress(10);
    await puppet.context.progress({ percent: 20 });
    await puppet.handle.cancel();
    await stream.ended;
    expect(stream.events.map(({ type }) => type)).toEqual([
      'started',
      ...range(1, 5).map(() => 'n'),
      'progress',
      'progress',
      'cancelling',
      'cancelled',
    ]);
    expect(stream.events.map(seqOf)).toEqual(range(1, 10));
    expect(new Set(stream.events.map(epochOf)).size).toBe(1);
  });

  it('S1 retries, too, are events of the one log', async () => {
    const task = new PuppetTask({ attempts: 2, backoff: 0 });
    const app = await serve(task);
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    await puppet.fail(new Error('no'));
    await stream.ended;
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'retrying', 'started', 'failed']);
    expect(stream.events.map(seqOf)).toEqual(range(1, 4));
  });

  it('S3 every id is <epoch>-<seq> in the documented alphabet', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    puppet.count(30);
    await puppet.end();
    await stream.ended;
    for (const { id = '' } of stream.events) {
      expect(id).toMatch(/^[a-z0-9]{8,20}-(0|[1-9][0-9]*)$/);
      expect(Buffer.byteLength(id)).toBeLessThanOrEqual(64);
    }
  });

  it('S5 two tasks, a task and its restart, and the same id in two processes have different epochs', async () => {
    const task = new PuppetTask();
    const [here, there] = await Promise.all([serve(task), serve(task)]);
    const epochs: string[] = [];
    const note = async (app: TaskApp, id: string, restart: boolean): Promise<void> => {
      const puppet = await task.start(app, { id, restart });
      await puppet.end();
      const stream = await watch(puppet.url);
      await stream.ended;
      expect(new Set(stream.events.map(epochOf)).size).toBe(1);
      epochs.push(epochOf(stream.events[0]!));
    };
    await note(here, 'one', false);
    await note(here, 'two', false);
    await note(here, 'one', true);
    await note(there, 'one', false);
    expect(new Set(epochs).size).toBe(4);
  });

  it('S6 parallel parts of a handler get distinct seqs in call order, live, in the log and replayed', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const live = await watch(puppet.url);
    await live.next('started');
    const calls: string[] = [];
    const part = async (name: string, wait: (n: number) => Promise<unknown>): Promise<void> => {
      for (let n = 0; n < 20; n++) {
        calls.push(`${name}${n}`);
        const sent = puppet.context.sendEvent('part', `${name}${n}`);
        await wait(n);
        await sent;
      }
    };
    await Promise.all([
      part('a', () => Promise.resolve()),
      part('b', () => turn()),
      part('c', (n) => (n % 2 ? turn() : Promise.resolve())),
    ]);
    await puppet.end();
    const replayed = await watch(puppet.url);
    await Promise.all([live.ended, replayed.ended]);
    const parts = live.events.filter(({ type }) => type === 'part');
    expect(parts.map(({ data }) => data)).toEqual(calls);
    expect(parts.map(seqOf)).toEqual(range(2, 61));
    expect(replayed.events).toEqual(live.events);
  });

  it('S7 an event that is refused reaches nobody and leaves no hole', async () => {
    const task = new PuppetTask({ maxEventBytes: 100 });
    const app = await serve(task);
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    puppet.count(1);
    const refuse = async (type: string, data: unknown): Promise<void> =>
      expect(await codeOf(() => void puppet.context.sendEvent(type, data as object))).toBe('INVALID_EVENT');
    await refuse('big', 'x'.repeat(100));
    await refuse('cycle', cycle);
    await refuse('bigint', 1n);
    await refuse('nan', NaN);
    await refuse('bad type', null);
    await refuse('completed', null);
    expect(await codeOf(() => void puppet.context.progress(NaN))).toBe('INVALID_EVENT');
    expect(await codeOf(() => void puppet.context.progress({ message: 'x'.repeat(100) }))).toBe(
      'INVALID_EVENT',
    );
    puppet.count(1);
    await puppet.end();
    await stream.ended;
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'n', 'n', 'completed']);
    expect(stream.events.map(seqOf)).toEqual(range(1, 4));
  });

  itInProcess(
    'S7 an event that the log fails to take throws at the call, reaches nobody and leaves no hole',
    inOneProcess.log,
    async () => {
      const task = new PuppetTask();
      const app = await serve(task);
      const { onBytes, fail } = failing(app);
      const puppet = await task.start(app);
      const stream = await watch(puppet.url);
      puppet.count(1);
      fail(true);
      for (const send of [
        () => puppet.context.sendEvent('lost', 1),
        () => puppet.context.progress(50),
        () => puppet.context.sendEvent('lost', 2),
      ]) {
        // At the call: nobody awaits, and a rejection would end the process.
        expect(() => void send()).toThrow('the log is full');
      }
      fail(false);
      puppet.count(1);
      await puppet.end();
      await stream.ended;
      const late = await watch(puppet.url);
      await late.ended;
      for (const { events, raw } of [stream, late]) {
        expect(events.map(({ type }) => type)).toEqual(['started', 'n', 'n', 'completed']);
        expect(events.map(seqOf)).toEqual(range(1, 4));
        expect(raw).not.toContain('lost');
      }
      expect(onBytes).toHaveBeenCalledTimes(7);
      // What was not taken is not counted either.
      expect(app.app.get(TaskStore).bytes).toBe(
        late.events.reduce(
          (sum, { id, type, raw }) => sum + Buffer.byteLength(formatFrame(type, raw, id ?? '')),
          0,
        ),
      );
    },
  );

  describeInProcess('S7 an event of the engine that the log fails to take', inOneProcess.log, () => {
    it.each(['started', 'retrying', 'cancelling', 'completed'])(
      'a %j neither ends the process nor leaves a watcher waiting',
      async (type) => {
        const task = new PuppetTask({ attempts: 2, backoff: 0, announceCancelling: true });
        const app = await serve(task);
        const { fail } = failing(app);
        if (type === 'started') fail(true);
        const puppet = await task.start(app);
        const stream = await watch(puppet.url);
        if (type === 'started') fail(false);
        puppet.send('mine');
        await stream.next('mine');
        if (type === 'retrying' || type === 'completed') fail(true);
        if (type === 'retrying') {
          await puppet.fail(new Error('no'));
        } else if (type === 'cancelling') {
          fail(true);
          expect(await puppet.handle.cancel()).toBe(true);
          fail(false);
        } else {
          await puppet.end();
        }
        expect(await stream.ended).toBe('complete');
        expect(stream.events.map(seqOf)).toEqual(range(1, stream.events.length));
        expect(stream.events.map((event) => event.type)).not.toContain(type);
        expect(app.logs.errors.join()).toContain(`The event "${type}" of ${puppet.handle.ref.app}`);
      },
    );
  });
});

/** Makes the logs of an application fail that are made from now on. */
function failing(app: TaskApp): {
  onBytes: jest.SpiedFunction<TaskStore['onBytes']>;
  fail(on: boolean): void;
} {
  let isOn = false;
  const store = app.app.get(TaskStore);
  const original = store.onBytes;
  const onBytes = jest.spyOn(store, 'onBytes').mockImplementation((delta) => {
    if (isOn) throw new Error('the log is full');
    original(delta);
  });
  return {
    onBytes,
    fail(on) {
      isOn = on;
    },
  };
}

describe('position and identity, whatever happens when', () => {
  it('S6 any interleaving gives every watcher the same events in call order', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type] });
    const move = fc.constantFrom('send', 'turn', 'tick', 'watch');
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 40 }), async (moves) => {
        const puppet = await task.start(app);
        const opening = [watch(puppet.url)];
        for (const now of moves) {
          if (now === 'send') puppet.count(1);
          else if (now === 'turn') await turn();
          else if (now === 'tick') await Promise.resolve();
          else if (opening.length < 4) opening.push(watch(puppet.url));
        }
        await puppet.end();
        const streams = await Promise.all(opening);
        await Promise.all(streams.map((stream) => stream.ended));
        const sent = moves.filter((now) => now === 'send').length;
        for (const { events } of streams) {
          expectNoHole(events);
          expect(events.filter(({ type }) => type === 'n').map(({ data }) => data)).toEqual(range(1, sent));
          expect(events.at(-1)?.type).toBe('completed');
        }
      }),
      { numRuns: 30 },
    );
  });
});
