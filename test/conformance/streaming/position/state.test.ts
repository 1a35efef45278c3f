import { describe, expect, it } from '@jest/globals';
import type { StreamTaskOptions } from 'nestjs-streaming';
import { sides } from '../../../support/app/sides.js';
import { takesEffect } from '../../../support/app/store.js';
import type { SseEvent } from '../../../support/clients/sse.js';
import { foldSeen, tallies, tallyOf } from '../../../support/folding.js';
import { eventsOf, urlOf, type Wrapped } from '../../../support/many-tasks.js';
import {
  createTaskApp,
  epochOf,
  outline,
  type Puppet,
  PuppetTask,
  range,
  resumeAfter,
  seqOf,
  type TaskApp,
  watch,
} from '../../../support/watching.js';

const told = (state: unknown, status = 'running'): object => ({ type: 'state', data: { state, status } });

describe.each(sides)('the state of a task ($name)', (side) => {
  async function serve(options: StreamTaskOptions = {}): Promise<[PuppetTask, TaskApp]> {
    const task = new PuppetTask({ ...(tallies as StreamTaskOptions), ...options });
    return [task, await createTaskApp({ ...side, tasks: [task.type] })];
  }

  it('S66 stands in the snapshot, and is what the events up to lastEventId are folded to', async () => {
    const [task, app] = await serve();
    const { puppet, running } = await task.begin(app);
    expect(await puppet.handle.snapshot()).toHaveProperty('state');
    await running;
    puppet.count(4);
    await puppet.stored();
    await takesEffect(async () => {
      expect(await puppet.handle.snapshot()).toMatchObject({ state: tallyOf(4), status: 'running' });
    });
    await puppet.end();
    expect(await puppet.handle.snapshot()).toMatchObject({
      state: tallyOf(4, { completed: 1 }),
      status: 'completed',
    });
  });

  it('S67 ?from=state begins with it, at the position it stands for, and goes on with what follows, exactly once', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(5);
    await puppet.stored();
    const stream = await watch(`${puppet.url}?from=state`);
    const first = await stream.next();
    expect(first).toMatchObject(told(tallyOf(5)));
    expect(seqOf(first)).toBe(6);
    puppet.count(3);
    await puppet.end();
    await stream.ended;
    expect(outline(stream)).toEqual([6, 7, 8, 9, 10]);
    expect(foldSeen(stream.events)).toEqual(tallyOf(8, { completed: 1 }));
  });

  it('S67 it never skips or repeats what is sent while its watchers come', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const streams = [];
    for (let n = 0; n < 20; n++) {
      puppet.count(3);
      streams.push(watch(`${puppet.url}?from=state`));
      puppet.count(2);
      await puppet.stored();
    }
    const watchers = await Promise.all(streams);
    await puppet.end();
    for (const watcher of watchers) {
      await watcher.ended;
      const [begin = NaN] = outline(watcher);
      expect(outline(watcher)).toEqual(range(Number(begin), 102));
      expect(foldSeen(watcher.events)).toEqual(tallyOf(100, { completed: 1 }));
    }
  });

  it('S67 before the first event it is the initial one', async () => {
    const [task, app] = await serve({ concurrency: 1 });
    const running = await task.start(app);
    const { puppet } = await task.begin(app);
    const stream = await watch(`${puppet.url}?from=state`);
    const first = await stream.next();
    expect(first).toMatchObject(told({ sum: 0, types: {} }, 'pending'));
    expect(seqOf(first)).toBe(0);
    await running.end();
    await stream.next('started');
    await puppet.end();
    await stream.ended;
    expect(outline(stream)).toEqual([0, 1, 2]);
  });

  it('S67 after the end it stands before the terminal event, which follows', async () => {
    const [task, app] = await serve({ replay: { events: 2 } });
    const puppet = await task.start(app);
    puppet.count(9);
    await puppet.end('done');
    const stream = await watch(`${puppet.url}?from=state`);
    expect(await stream.ended).toBe('complete');
    expect(stream.events).toMatchObject([told(tallyOf(9), 'completed'), { type: 'completed' }]);
    expect(outline(stream)).toEqual([10, 11]);
    expect(foldSeen(stream.events)).toEqual(tallyOf(9, { completed: 1 }));
  });

  it('S67 a position wins over it', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(5);
    await puppet.stored();
    const { lastEventId } = await puppet.handle.snapshot();
    const epoch = epochOf({ id: lastEventId ?? '' });
    const resumed = await resumeAfter(`${puppet.url}?from=state`, `${epoch}-3`);
    const unknown = await resumeAfter(`${puppet.url}?from=state`, 'nonsense');
    await puppet.end();
    await Promise.all([resumed.ended, unknown.ended]);
    expect(outline(resumed)).toEqual(range(4, 7));
    expect(outline(unknown)).toEqual(['unknown-id', ...range(1, 7)]);
  });

  it('S67 of a task without a state it is ?from=latest', async () => {
    const [task, app] = await serve({ state: undefined });
    const puppet = await task.start(app);
    puppet.count(5);
    await puppet.stored();
    expect(await puppet.handle.snapshot()).not.toHaveProperty('state');
    const stream = await watch(`${puppet.url}?from=state`);
    await puppet.end();
    await stream.ended;
    expect(outline(stream)).toEqual([6, 7]);
  });

  it('S68 a gap has it, and stands for lastEventId: a watcher that fell behind is whole at once', async () => {
    const [task, app] = await serve({ replay: { events: 4 } });
    const puppet = await task.start(app);
    const early = await watch(puppet.url);
    const { id = '' } = await early.next('started');
    puppet.count(20);
    await puppet.stored();
    const late = await resumeAfter(puppet.url, id);
    const gap = await late.next();
    expect(gap.data).toMatchObject({
      snapshot: { state: tallyOf(20), lastEventId: `${epochOf({ id })}-21` },
    });
    puppet.count(1);
    await puppet.end();
    await Promise.all([early.ended, late.ended]);
    expect(foldSeen(late.events)).toEqual(tallyOf(21, { completed: 1 }));
    expect(foldSeen(early.events)).toEqual(tallyOf(21, { completed: 1 }));
  });

  it('S69 on a stream of many tasks each that has a state begins with its own', async () => {
    const plain = new PuppetTask();
    const [folding] = await serve();
    const app = await createTaskApp({ ...side, tasks: [folding.type, plain.type] });
    const [first, second, other] = await Promise.all([
      folding.start(app),
      folding.start(app),
      plain.start(app),
    ]);
    const puppets: Puppet[] = [first, second, other];
    first.count(2);
    second.count(3);
    other.count(4);
    await Promise.all(puppets.map((puppet) => puppet.stored()));
    const stream = await watch(urlOf(app, puppets, '&from=state'));
    await stream.nextEvents(3);
    const beginOf = (puppet: Puppet): SseEvent | undefined => eventsOf(puppet, stream.events)[0];
    expect(beginOf(first)).toMatchObject(told(tallyOf(2)));
    expect(beginOf(second)).toMatchObject(told(tallyOf(3)));
    expect(beginOf(other)).toMatchObject({ type: 'n', data: 4 });
    for (const puppet of puppets) {
      puppet.count(1);
      await puppet.end();
    }
    await stream.ended;
    expect(foldSeen(eventsOf(first, stream.events))).toEqual(tallyOf(3, { completed: 1 }));
    expect(foldSeen(eventsOf(second, stream.events))).toEqual(tallyOf(4, { completed: 1 }));
    expect(eventsOf(first, stream.events).map((event) => seqOf(event))).toEqual([3, 4, 5]);
  });

  it('S69 a task whose state was not told yet begins with it after a resume', async () => {
    const [task, app] = await serve();
    const puppets = await Promise.all([task.start(app), task.start(app)]);
    for (const puppet of puppets) {
      puppet.count(3);
      await puppet.stored();
    }
    const stream = await watch(urlOf(app, puppets, '&from=state'));
    const { id = '', data } = await stream.next();
    await stream.close();
    const back = await resumeAfter(urlOf(app, puppets, '&from=state'), id);
    await back.next('state');
    for (const puppet of puppets) {
      puppet.count(1);
      await puppet.end();
    }
    await back.ended;
    const begun = puppets.find(({ url }) => url.endsWith((data as Wrapped).task))!;
    const [other] = puppets.filter((puppet) => puppet !== begun);
    expect(eventsOf(begun, back.events).map(({ type }) => type)).toEqual(['n', 'completed']);
    expect(eventsOf(other!, back.events).map(({ type }) => type)).toEqual(['state', 'n', 'completed']);
  });
});
