import { describe, expect, it } from '@jest/globals';
import { StreamingModule } from 'nestjs-streaming';
import { TaskStore } from '../../../../lib/engine/local/task-store.js';
import { engineOnRedis, newPrefix } from '../../../support/app/redis-engine.js';
import { isOnRedis } from '../../../support/app/store.js';
import {
  createTaskApp,
  epochOf,
  outline,
  PuppetTask,
  range,
  resumeAfter,
  seqOf,
  type TaskApp,
  watch,
} from '../../../support/watching.js';

/**
 * Two applications of one process, each with an HTTP server, guards, connections and clocks of its own. In memory "there" is given the
 * store of "here" in place of one of its own. In Redis both have the tasks of one prefix, and "there" runs none. Under test are the
 * rules of positions, which must hold on an instance that has never seen the client and runs nothing.
 */
describe.each([
  ['express', 'fastify'],
  ['fastify', 'express'],
] as const)('several instances that share their logs (%s here, %s there)', (here, there) => {
  async function serve(task = new PuppetTask()): Promise<[PuppetTask, TaskApp, TaskApp]> {
    if (isOnRedis) {
      const prefix = newPrefix();
      const [first, second] = [await engineOnRedis(prefix), await engineOnRedis(prefix, { run: false })];
      const app = { tasks: [task.type] };
      return [
        task,
        await createTaskApp({ ...app, adapter: here, options: { engine: first } }),
        await createTaskApp({ ...app, adapter: there, options: { engine: second } }),
      ];
    }
    const first = await createTaskApp({ adapter: here, tasks: [task.type] });
    const store = { provide: TaskStore, useValue: first.app.get(TaskStore) };
    const streaming = StreamingModule.forRoot({ tasks: { grace: 1_000 } });
    const second = await createTaskApp({
      adapter: there,
      tasks: [task.type],
      streaming: { ...streaming, providers: [...(streaming.providers ?? []), store] },
    });
    expect(second.app.get(TaskStore)).toBe(store.useValue);
    return [task, first, second];
  }

  it('S59 S9 a watcher that changes the instance gets what follows, kept or being sent, and nothing twice', async () => {
    const [task, first, second] = await serve();
    const puppet = await task.start(first);
    puppet.count(9);
    await puppet.stored();
    const before = await watch(puppet.url);
    await before.nextEvents(4);
    const position = before.events[3]?.id ?? '';
    await before.close();
    const after = await resumeAfter(task.urlOf(second, puppet.id), position);
    await after.next();
    puppet.count(2);
    await after.nextEvents(5);
    // And back again, in the middle of what is being sent.
    const back = await resumeAfter(puppet.url, after.lastEventId ?? '');
    puppet.count(2);
    await puppet.end();
    await Promise.all([after.ended, back.ended]);
    const from = seqOf({ id: position }) + 1;
    expect(outline(after)).toEqual(range(from, 15));
    expect(outline(back)).toEqual(range(seqOf(back.events[0]!), 15));
    expect(new Set([...before.events, ...after.events, ...back.events].map(epochOf)).size).toBe(1);
  });

  it('S59 S10 a position older than the log is a gap there, too, with the number missed', async () => {
    const [task, first, second] = await serve(new PuppetTask({ replay: { events: 3 } }));
    const puppet = await task.start(first);
    const early = await watch(puppet.url);
    const { id = '' } = await early.next('started');
    puppet.count(10);
    await puppet.stored();
    const late = await resumeAfter(task.urlOf(second, puppet.id), id);
    expect(await late.next()).toMatchObject({ type: 'gap', data: { cause: 'expired', missed: 7 } });
    await late.nextEvents(3);
    await puppet.end();
    await late.ended;
    expect(outline(late)).toEqual(['expired', 9, 10, 11, 12]);
  });

  it('S59 S12 the newest position of a running task replays nothing there and goes on live', async () => {
    const [task, first, second] = await serve();
    const puppet = await task.start(first);
    puppet.count(3);
    await puppet.stored();
    const { lastEventId } = await puppet.handle.snapshot();
    const stream = await resumeAfter(task.urlOf(second, puppet.id), lastEventId ?? '');
    puppet.count(1);
    await puppet.end();
    await stream.ended;
    expect(outline(stream)).toEqual([5, 6]);
  });

  it('S59 S14 S15 a position of a run before, or of another task, is a gap and all that is kept', async () => {
    const [task, first, second] = await serve();
    const old = await task.start(first, { id: 'again' });
    old.count(3);
    await old.end();
    const stale = (await old.handle.snapshot()).lastEventId ?? '';
    const other = await task.start(first, { id: 'other' });
    const foreign = (await other.handle.snapshot()).lastEventId ?? '';
    const puppet = await task.start(first, { id: 'again', restart: true });
    puppet.count(6);
    await puppet.end();
    for (const [position, cause] of [
      [stale, 'restarted'],
      [foreign, 'unknown-id'],
      ['junk', 'unknown-id'],
    ] as const) {
      const stream = await resumeAfter(task.urlOf(second, 'again'), position);
      await stream.ended;
      expect(outline(stream)).toEqual([cause, ...range(1, 8)]);
      expect(epochOf(stream.events[0]!)).toBe(epochOf(stream.events[1]!));
    }
    await other.end();
  });

  it('S59 S36 the id of a terminal event is 204 there, and an end that was missed is told there', async () => {
    const [task, first, second] = await serve();
    const puppet = await task.start(first);
    const stream = await watch(task.urlOf(second, puppet.id));
    const { id = '' } = await stream.next('started');
    await puppet.handle.cancel({ detail: 'here' });
    expect(await stream.ended).toBe('complete');
    expect(stream.events.at(-1)).toMatchObject({ type: 'cancelled', data: { detail: 'here' } });
    const missed = await resumeAfter(task.urlOf(second, puppet.id), id);
    await missed.ended;
    expect(missed.events.map(({ type }) => type)).toEqual(['cancelled']);
    for (const app of [first, second]) {
      expect((await resumeAfter(task.urlOf(app, puppet.id), stream.lastEventId ?? '')).status).toBe(204);
    }
    expect(task.calls).toBe(1);
  });
});
