import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { OnTaskEvent, type TaskEvent } from 'nestjs-streaming';
import { TaskStore } from '../../../../lib/engine/local/task-store.js';
import { collect } from '../../../support/app.js';
import { LateLog } from '../../../support/late-log.js';
import { eventsOf, resumeMany, urlOf } from '../../../support/many-tasks.js';
import {
  adapters,
  createTaskApp,
  expectNoHole,
  outline,
  type Puppet,
  PuppetTask,
  range,
  resumeAfter,
  type TaskApp,
  watch,
} from '../../../support/watching.js';

@Injectable()
class Recorder {
  readonly types: string[] = [];

  @OnTaskEvent()
  record({ type }: TaskEvent): void {
    this.types.push(type);
  }
}

describe.each(adapters)('logs whose events are not here when they are asked for (%s)', (adapter) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  async function serve(
    count: number,
    { interceptEvents = false, comes = true } = {},
  ): Promise<{ app: TaskApp; puppets: Puppet[]; logs: LateLog[] }> {
    const task = new PuppetTask({ replay: { events: 40 } });
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      providers: [Recorder],
      options: { http: { interceptEvents } },
    });
    const logs: LateLog[] = [];
    jest.spyOn(TaskStore.prototype, 'createLog').mockImplementation((ref, limits) => {
      const log = new LateLog(ref, limits);
      if (comes) log.later = setImmediate;
      logs.push(log);
      return log;
    });
    const puppets: Puppet[] = [];
    for (let n = 0; n < count; n++) puppets.push(await task.start(app));
    return { app, puppets, logs };
  }

  it.each([[false], [true]])(
    'S9 S34 watchers get all of it, and the end (interceptors see the events: %s)',
    async (interceptEvents) => {
      const { puppets } = await serve(1, { interceptEvents });
      const [puppet] = puppets as [Puppet];
      puppet.count(9);
      const early = await Promise.all([watch(puppet.url), watch(puppet.url)]);
      await early[0].nextEvents(10);
      puppet.count(5);
      await early[1].nextEvents(15);
      const resumed = await resumeAfter(puppet.url, early[0].events[4]!.id!);
      puppet.count(1);
      await puppet.end();
      const late = await watch(puppet.url);
      await Promise.all([...early, resumed, late].map((stream) => stream.ended));
      for (const stream of [...early, late]) expect(outline(stream)).toEqual(range(1, 17));
      expect(outline(resumed)).toEqual(range(6, 17));
    },
  );

  it('S22 what is trimmed before it is here is a gap', async () => {
    const { puppets } = await serve(1);
    const [puppet] = puppets as [Puppet];
    const stream = await watch(puppet.url);
    await stream.next('started');
    puppet.count(100);
    await puppet.end();
    await stream.ended;
    expect(outline(stream)).toContain('expired');
    expectNoHole(stream.events);
    expect(stream.events.at(-1)).toMatchObject({ type: 'completed' });
  });

  it('S9 a stream of many tasks is complete, and goes on from any of its ids', async () => {
    const { app, puppets } = await serve(3);
    for (const puppet of puppets) puppet.count(4);
    const stream = await watch(urlOf(app, puppets));
    await stream.nextEvents(15);
    const again = await resumeMany(app, puppets, stream.events[7]!.id!);
    for (const puppet of puppets) {
      puppet.count(1);
      await puppet.end();
    }
    await Promise.all([stream.ended, again.ended]);
    for (const puppet of puppets) {
      const all = eventsOf(puppet, stream.events);
      expect(outline({ events: all })).toEqual(range(1, 7));
      const before = eventsOf(puppet, stream.events.slice(0, 8)).length;
      expect(outline({ events: eventsOf(puppet, again.events) })).toEqual(range(before + 1, 7));
    }
  });

  it('subscribers and listeners in this process get all of it', async () => {
    const { app, puppets } = await serve(1);
    const [puppet] = puppets as [Puppet];
    const types = ['started', ...range(1, 6).map(() => 'n'), 'completed'];
    puppet.count(6);
    const collected = collect(puppet.handle.events());
    await collected.until((event) => event.data === 6);
    await puppet.end();
    const ended = collect(puppet.handle.events());
    for (const events of [await collected.done, await ended.done])
      expect(events.map(({ type }) => type)).toEqual(types);
    await app.coordinator.shutdown();
    expect(app.app.get(Recorder).types).toEqual(types);
  });

  it('nobody asks again before it has come', async () => {
    const { app, puppets, logs } = await serve(1, { comes: false });
    const [puppet] = puppets as [Puppet];
    const [log] = logs as [LateLog];
    log.come();
    const streams = await Promise.all([watch(puppet.url), watch(urlOf(app, [puppet]))]);
    log.come();
    await Promise.all(streams.map((stream) => stream.next('started')));
    puppet.count(2);
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    const { misses } = log;
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(log.misses).toBe(misses);
    expect(outline(streams[0])).toEqual([1]);
    log.later = setImmediate;
    log.come();
    await puppet.end();
    await Promise.all(streams.map((stream) => stream.ended));
    for (const stream of streams) expect(outline(stream)).toEqual(range(1, 4));
  });
});
