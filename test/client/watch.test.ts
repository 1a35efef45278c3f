import { describe, expect, it, jest } from '@jest/globals';
import type { RunEvent, StreamingClient, TaskRun } from 'nestjs-streaming/client';
import { Relay } from '../support/clients/relay.js';
import { eventually } from '../support/wait.js';
import { expectWatchers, type Puppet, PuppetTask, range, seqOf } from '../support/watching.js';
import { clientOf, readAll, rejectionOf, serve, typesOf } from './support.js';

type App = Awaited<ReturnType<typeof serve>>;

async function startThree(
  task: PuppetTask,
  options?: Parameters<typeof serve>[1],
): Promise<{ app: App; puppets: [Puppet, Puppet, Puppet]; attach: (client: StreamingClient) => TaskRun[] }> {
  const app = await serve(task, options);
  const puppets: [Puppet, Puppet, Puppet] = [
    await task.start(app),
    await task.start(app),
    await task.start(app),
  ];
  const attach = (client: StreamingClient): TaskRun[] =>
    puppets.map(({ id }) => client.task('test', task.name).attach(id));
  return { app, puppets, attach };
}

function ofMany(asked: readonly string[]): number[] {
  return asked.map((url) => (url.startsWith('/stream/events?') ? url.split('task=').length - 1 : 1));
}

describe('runs that are watched in the same tick', () => {
  it('share a connection, those whose outcome is awaited too', async () => {
    const task = new PuppetTask();
    const { app, puppets, attach } = await startThree(task);
    const [first, second, third] = attach(clientOf(app)) as [TaskRun, TaskRun, TaskRun];
    const all = Promise.all([readAll(first), readAll(second), third.outcome()]);
    await eventually(() => expect(third.connection).toBe('live'));
    for (const puppet of puppets) {
      puppet.count(2);
      await puppet.end(puppet.id);
    }
    const [one, two, outcome] = await all;
    for (const events of [one, two]) {
      expect(typesOf(events)).toEqual(['started', 'n', 'n', 'completed']);
      expect(events.map(seqOf)).toEqual(range(1, 4));
    }
    expect(one.at(-1)?.data).toEqual({ finalValue: puppets[0].id });
    expect(outcome).toEqual({ status: 'completed', value: puppets[2].id });
    expect(ofMany(app.asked)).toEqual([3]);
  });

  it('ask for their outcomes with one request, and two loops over one run with one, too', async () => {
    const task = new PuppetTask();
    const { app, puppets, attach } = await startThree(task);
    const outcomes = Promise.all(attach(clientOf(app)).map((run) => run.outcome()));
    const [run] = attach(clientOf(app));
    const loops = Promise.all([readAll(run!), readAll(run!), run!.outcome()]);
    await eventually(() => expect(app.asked).toHaveLength(2));
    for (const puppet of puppets) await puppet.end(1);
    expect(await outcomes).toEqual(Array.from({ length: 3 }, () => ({ status: 'completed', value: 1 })));
    const [one, two] = await loops;
    expect(typesOf(one)).toEqual(['started', 'completed']);
    expect(two).toEqual(one);
    expect(new Set(ofMany(app.asked))).toEqual(new Set([1, 3]));
    expect(app.asked.some((url) => url.endsWith('from=latest'))).toBe(true);
  });

  it('go on where each was when the connection is cut', async () => {
    const task = new PuppetTask();
    const { app, puppets, attach } = await startThree(task);
    const relay = await Relay.open(app.port);
    const runs = attach(clientOf({ url: `${relay.origin}/stream` }));
    const reading = Promise.all(runs.map(readAll));
    for (let cuts = 0; cuts < 4; cuts++) {
      await eventually(() => expect(runs[2]?.connection).toBe('live'));
      puppets.forEach((puppet, index) => puppet.count(index + 1));
      relay.cut();
      puppets.forEach((puppet, index) => puppet.count(index + 1));
      if (cuts === 1) await puppets[0].end();
      puppets[0].count(0);
    }
    for (const puppet of puppets.slice(1)) await puppet.end();
    const [one, two, three] = await reading;
    expect(one?.map(seqOf)).toEqual(range(1, 6));
    expect(two?.map(seqOf)).toEqual(range(1, 18));
    expect(three?.map(seqOf)).toEqual(range(1, 26));
  });

  it('leave it when they are not read, while the others go on', async () => {
    const task = new PuppetTask();
    const { app, puppets, attach } = await startThree(task, { replay: { events: 10_000 } });
    const [slow, quick] = attach(clientOf(app)) as [TaskRun, TaskRun];
    const held = slow.events();
    const reading = readAll(quick);
    expect(await held.next()).toMatchObject({ value: { type: 'started' } });
    for (let turn = 0; turn < 40; turn++) {
      puppets[0].count(50);
      puppets[1].count(50);
      await eventually(() => expect(Number(quick.lastEventId?.split('-')[1])).toBe(50 * (turn + 1) + 1));
    }
    await expectWatchers(puppets[0], 1);
    expect(slow.connection).toBe('idle');
    await puppets[0].end();
    await puppets[1].end();
    expect((await reading).map(seqOf)).toEqual(range(1, 2_002));
    expect((await readAll(held)).map(seqOf)).toEqual(range(2, 2_002));
    expect(ofMany(app.asked)).toEqual([2, 1]);
  });

  it('are refused each for itself', async () => {
    const task = new PuppetTask();
    const { app, puppets, attach } = await startThree(task);
    const client = clientOf(app);
    const [run] = attach(client);
    const unknown = client.task('test', task.name).attach('unknown');
    const reading = readAll(run!);
    const gone = unknown.outcome();
    const refused = rejectionOf(readAll(unknown));
    expect(await gone).toEqual({ status: 'gone' });
    expect(await refused).toMatchObject({ status: 404, code: 'TASK_NOT_FOUND' });
    expect(unknown.connection).toBe('refused');
    expect(run?.connection).toBe('live');
    await puppets[0].end();
    expect(typesOf(await reading)).toEqual(['started', 'completed']);
  });

  it('are refused all when none can be watched', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const type = clientOf(app).task('test', task.name);
    const runs = ['one', 'two'].map((id) => type.attach(id));
    expect(await Promise.all(runs.map((run) => run.outcome()))).toEqual([
      { status: 'gone' },
      { status: 'gone' },
    ]);
    expect(ofMany(app.asked)).toEqual([2, 1, 1]);
  });
});

describe('watch()', () => {
  it('has runs share a connection whenever they are read', async () => {
    const task = new PuppetTask();
    const { app, puppets } = await startThree(task);
    const runs = clientOf(app).watch(puppets.map(({ handle }) => handle.ref));
    const reading: Promise<RunEvent[]>[] = [];
    for (const [index, run] of runs.entries()) {
      reading.push(readAll(run));
      await eventually(() => expect(run.connection).toBe('live'));
      puppets[0].count(3);
      await eventually(() => expect(runs[0]?.lastEventId).toMatch(new RegExp(`-${3 * index + 4}$`)));
    }
    for (const puppet of puppets) await expectWatchers(puppet, 1);
    for (const puppet of puppets) await puppet.end();
    const lengths = (await Promise.all(reading)).map((events) => events.map(seqOf));
    expect(lengths).toEqual([range(1, 11), range(1, 2), range(1, 2)]);
    expect(ofMany(app.asked)).toEqual([1, 2, 3]);
  });
});

describe('list()', () => {
  it('gives a page, and all of them', async () => {
    const task = new PuppetTask();
    const { app, puppets } = await startThree(task);
    const client = clientOf(app);
    const page = await client.list({ app: 'test', name: task.name, status: 'running', limit: 2 });
    expect(page.items).toHaveLength(2);
    expect(page.nextCursor).not.toBeNull();
    const ids: string[] = [];
    for await (const { id } of client.list({ limit: 2 }).all()) ids.push(id);
    expect(ids.toSorted()).toEqual(puppets.map(({ id }) => id).toSorted());
    expect(await rejectionOf(client.list({ limit: 0 }))).toMatchObject({ code: 'INVALID_QUERY' });
    const all = rejectionOf(client.list({ limit: 0 }).all().next());
    expect(await all).toMatchObject({ code: 'INVALID_QUERY' });
  });
});

describe('what a run has heard', () => {
  it('is one object until something changes, and listeners are told', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    const { subscribe, getSnapshot } = run;
    let calls = 0;
    const stop = subscribe(() => (calls += 1));
    const idle = getSnapshot();
    expect(getSnapshot()).toBe(idle);
    expect(app.asked).toEqual([]);
    const reading = readAll(run);
    await eventually(() => expect(getSnapshot()).toMatchObject({ status: 'running', connection: 'live' }));
    await puppet.context.progress(30);
    await eventually(() => expect(getSnapshot().progress).toEqual({ percent: 30 }));
    expect(getSnapshot()).toBe(getSnapshot());
    expect(calls).toBeGreaterThan(2);
    stop();
    const before = calls;
    await puppet.end();
    await reading;
    expect(calls).toBe(before);
    expect(getSnapshot()).toMatchObject({ status: 'completed', connection: 'ended' });
  });

  it('keeps no event from a reader where a listener throws: its error is reported as that of any callback', async () => {
    const thrown: unknown[] = [];
    const { queueMicrotask } = globalThis;
    const report = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
      queueMicrotask(() => {
        try {
          task();
        } catch (error) {
          thrown.push(error);
        }
      });
    });
    try {
      const task = new PuppetTask();
      const app = await serve(task);
      const puppet = await task.start(app);
      const run = clientOf(app).task('test', task.name).attach(puppet.id);
      const broken = new Error('a listener of the page');
      run.subscribe(() => {
        throw broken;
      });
      const reading = readAll(run);
      await puppet.context.progress(30);
      await puppet.end();
      expect(typesOf(await reading)).toEqual(['started', 'progress', 'completed']);
      expect(run.connection).toBe('ended');
      expect(new Set(thrown)).toEqual(new Set([broken]));
    } finally {
      report.mockRestore();
    }
  });

  it('does not go back when a second loop begins at the start', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    for (const percent of [10, 20, 30]) await puppet.context.progress(percent);
    const reading = readAll(run);
    await eventually(() => expect(run.progress).toEqual({ percent: 30 }));
    const seen = new Set<unknown>();
    run.subscribe(() => seen.add(run.progress?.percent));
    const again = run.events();
    for (let read = 0; read < 4; read++) await again.next();
    await puppet.context.progress(40);
    await eventually(() => expect(run.progress).toEqual({ percent: 40 }));
    await puppet.end();
    await Promise.all([reading, readAll(again)]);
    expect([...seen]).toEqual([30, 40]);
  });
});
