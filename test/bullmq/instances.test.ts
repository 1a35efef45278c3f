import { expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { collect, type Collected, handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { within } from '../../lib/cancellation/time/countdown.js';
import { watch } from '../support/clients/open-clients.js';
import { resumeAfter } from '../support/watching.js';
import { eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';

describeWithRedis('many instances', [], (server) => {
  it('starts a task here, runs it there, and watches it on a third one', async () => {
    const type = handlerTask(async (task: TaskContext<{ n: number }>) => {
      await task.sendEvent('half', { n: task.input.n });
      await task.progress(50);
      return { done: task.input.n };
    });
    const instances = new Instances(server, [type]);
    const starter = await instances.startWeb();
    const watcher = await instances.startWeb();
    await instances.start();

    const handle = await starter.coordinator.start(type, { n: 7 }, { id: 'one' });
    const events = collect(watcher.coordinator.events(handle.ref));

    expect(handle.created).toBe(true);
    expect(await handle.result).toEqual({ done: 7 });
    const all = await events.done;
    expect(all.map(({ type: each }) => each)).toEqual(['started', 'half', 'progress', 'completed']);
    expect(all.map(({ id }) => Number(id.split('-')[1]))).toEqual([1, 2, 3, 4]);
    const snapshot = await watcher.coordinator.get(handle.ref);
    expect(snapshot).toMatchObject({
      status: 'completed',
      attempt: 1,
      finalValue: { done: 7 },
      progress: { percent: 50 },
    });
  });

  it('listens for the end of a task that was started here only when somebody asks for it', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      await task.waitForSignal('go');
      return 'done';
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start({ bull: { run: true } });
    const handle = await web.coordinator.start(type, {});
    const client = server.connect();
    const channels = async (): Promise<number> =>
      ((await client.pubsub('CHANNELS', `${instances.prefix}:*:news`)) as string[]).length;
    // The instance that runs it listens for nobody, too.
    await eventually(async () => (await handle.snapshot()).status === 'running');
    expect(await channels()).toBe(0);
    const { result } = handle;
    await eventually(async () => (await channels()) === 1);
    await web.coordinator.signal(handle.ref, 'go');
    expect(await result).toBe('done');
    await eventually(async () => (await channels()) === 0);
  });

  it('S64 resumes events() by the same rules as a stream', async () => {
    const type = handlerTask(
      async (task: TaskContext) => {
        for (let n = 1; n <= 6; n++) await task.sendEvent('n', n);
        await task.sleep(60_000);
      },
      { replay: { events: 3 } },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    let newest = '';
    await eventually(async () => {
      newest = (await handle.snapshot()).lastEventId ?? '';
      expect(newest).toMatch(/-7$/);
    });
    const from = (after?: string): Collected =>
      collect(web.coordinator.events(handle.ref, after === undefined ? {} : { after }));
    const [all, old, lost] = [from(), from(newest.replace(/7$/, '2')), from('junk')];
    const now = from(newest);
    for (const each of [all, old, lost]) await each.until((event) => event.data === 6);
    await handle.cancel();
    const told = await Promise.all([all, old, lost, now].map(({ done }) => done));
    const seqs = told.map((events) => events.map(({ id }) => Number(id.split('-')[1])));
    expect(seqs).toEqual([[4, 5, 6, 7, 8], [4, 5, 6, 7, 8], [4, 5, 6, 7, 8], [8]]);
    const snapshot = expect.objectContaining({ id: handle.id, status: 'running' }) as unknown;
    expect(told.slice(0, 3).map(([gap]) => gap?.data)).toEqual([
      { cause: 'expired', missed: 4, snapshot },
      { cause: 'expired', missed: 2, snapshot },
      { cause: 'unknown-id', missed: null, snapshot },
    ]);
    expect(await from(told[3]?.at(-1)?.id).done).toEqual([]);
  });

  it('S34 completes events() before the outcome settles, though the end is known before the events are here', async () => {
    const type = handlerTask((task: TaskContext) => {
      for (let n = 0; n < 200; n++) void task.sendEvent('n', 'x'.repeat(2_000));
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const other = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {}, { delay: 200 });
    const order: string[] = [];
    void handle.outcome.then(() => order.push('outcome'));
    const events = collect(handle.events());
    void events.done.then(() => order.push('complete'));
    await eventually(async () => expect((await other.coordinator.get(handle.ref))?.status).toBe('completed'));
    await handle.snapshot();
    await handle.outcome;
    await events.done;
    expect(order).toEqual(['complete', 'outcome']);
    expect(events.types).toHaveLength(202);
  });

  it('cancels a running task from another instance', async () => {
    const reasons: unknown[] = [];
    const type = handlerTask(async (task: TaskContext) => {
      await task.sendEvent('running');
      try {
        await task.sleep(60_000);
      } catch (error) {
        reasons.push(task.reason);
        await task.sendEvent('cleaned');
        throw error;
      }
    });
    const instances = new Instances(server, [type]);
    const starter = await instances.startWeb();
    const other = await instances.startWeb();
    await instances.start();
    const handle = await starter.coordinator.start(type, {});
    const events = collect(starter.coordinator.events(handle.ref));
    await events.until('running');

    expect(await other.coordinator.cancelTask(handle.ref, { detail: 'enough', by: 'ann' })).toBe(true);

    expect((await events.done).map((event) => event.type)).toEqual([
      'started',
      'running',
      'cleaned',
      'cancelled',
    ]);
    expect(reasons).toEqual([{ kind: 'external', detail: 'enough', by: 'ann' }]);
    await expect(handle.result).rejects.toMatchObject({ name: 'CancelledError', reason: reasons[0] });
    expect(await other.coordinator.cancelTask(handle.ref)).toBe(false);
  });

  it('ends a task that waits at once when it is cancelled, and never runs it', async () => {
    let calls = 0;
    const type = handlerTask(() => {
      calls++;
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());

    expect(await handle.cancel()).toBe(true);
    expect((await events.done).map((event) => event.type)).toEqual(['cancelled']);
    const worker = await instances.start();
    const next = await worker.coordinator.start(type, {});
    await next.result;
    expect(calls).toBe(1);
  });

  it('starts one of many with the same id', async () => {
    let calls = 0;
    const type = handlerTask(() => {
      calls++;
    });
    const instances = new Instances(server, [type]);
    const apps = await Promise.all([instances.start(), instances.start(), instances.startWeb()]);
    const handles = await Promise.all(
      apps.flatMap((app) => [1, 2, 3].map(() => app.coordinator.start(type, {}, { id: '42' }))),
    );
    expect(handles.filter(({ created }) => created)).toHaveLength(1);
    await Promise.all(handles.map(({ result }) => result));
    expect(calls).toBe(1);
  });
});

describeWithRedis('watchers of many instances', [], (server) => {
  it('are counted together, and a task that nobody watches any more is cancelled', async () => {
    const type = handlerTask((task: TaskContext) => task.sleep(60_000), { cancelWhenUnwatched: 300 });
    const instances = new Instances(server, [type]);
    const one = await instances.startWeb();
    const two = await instances.startWeb();
    await instances.start();
    const handle = await one.coordinator.start(type, {});
    const here = [1, 2].map(() => collect(handle.events()));
    const there = collect(two.coordinator.events(handle.ref));
    await Promise.all([...here, there].map((events) => events.until('started')));
    await eventually(async () => expect((await handle.snapshot()).watchers).toBe(3));
    for (const events of here) events.unsubscribe();
    await eventually(async () => expect((await handle.snapshot()).watchers).toBe(1));
    // Longer than it may be unwatched.
    await expect(within(600, there.done)).resolves.toBe(false);
    there.unsubscribe();
    expect((await handle.outcome).reason).toEqual({ kind: 'unwatched' });
  });

  it('tells a watcher whose task was restarted before it had read the end, and lets it come back to the new run', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      await task.sendEvent('here');
      await task.sleep(60_000);
    });
    const instances = new Instances(server, [type]);
    const app = await instances.start({ listen: true });
    const { ref } = await app.coordinator.start(type, {}, { id: 'again' });
    const url = `${app.url}/${ref.app}/${ref.name}/${ref.id}`;
    const stream = await watch(url);
    const inCode = collect(app.coordinator.events(ref));
    await stream.next('here');
    await inCode.until('here');
    // As if it had ended, and nobody was told.
    const record = `${instances.prefix}:{${app.coordinator.getTaskKey(ref.app, ref.name, ref.id)}}`;
    await server.connect().hset(record, 'status', 'completed');
    await app.coordinator.start(type, {}, { id: 'again', restart: true });
    await stream.ended;
    const gap = { cause: 'restarted', missed: null, snapshot: null };
    const { id } = stream.events.at(-2)!;
    expect(stream.events.at(-1)).toMatchObject({ type: 'gap', data: gap, id });
    expect((await inCode.done).at(-1)).toMatchObject({ type: 'gap', data: gap, id });
    const back = await resumeAfter(url, id!);
    expect((await back.next()).data).toMatchObject({ cause: 'restarted', snapshot: { id: 'again' } });
    await app.coordinator.cancelTask(ref);
    await back.ended;
    expect(back.events.at(-1)?.type).toBe('cancelled');
  });
});
