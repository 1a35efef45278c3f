import { expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import type { StreamTaskOptions, TaskContext, TaskHandle } from 'nestjs-streaming';
import { z } from 'zod';
import { collect, handlerTask } from '../support/app.js';
import { describeWithRedis, type RedisServer } from '../support/programs/redis.js';
import { deferred, eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';

/** What BullMQ's own tools see: Bull Board uses no more. */
function openQueue(server: RedisServer, { prefix }: Instances, { ref }: TaskHandle): Queue {
  const name = `${prefix}.${ref.app}.${ref.name}`;
  return new Queue(name, { prefix: `{${name}}`, connection: { host: server.host, port: server.port } });
}

describeWithRedis('the queue of a task type', [], (server) => {
  it('shows its tasks to the tools of BullMQ, by their ids', async () => {
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('here');
        await task.sleep(60_000);
      },
      { concurrency: 1 },
    );
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    const running = await app.coordinator.start(type, {}, { id: 'running' });
    await collect(running.events()).until('here');
    for (const id of ['42', '0', '-1', '4.2', 'meta']) await app.coordinator.start(type, {}, { id });
    await app.coordinator.start(type, {}, { id: 'late', delay: 60_000 });
    const queue = openQueue(server, instances, running);
    const idsOf = async (state: 'active' | 'prioritized' | 'delayed'): Promise<Set<string | undefined>> =>
      new Set((await queue.getJobs([state])).map(({ id }) => id));
    expect(await idsOf('active')).toEqual(new Set(['running']));
    expect(await idsOf('prioritized')).toEqual(new Set(['#-1', '#0', '#42', '#meta', '4.2']));
    expect(await idsOf('delayed')).toEqual(new Set(['late']));
    const late = (await queue.getJob('late'))!;
    expect(late).toMatchObject({ name: running.ref.name, delay: 60_000 });
    expect(await late.getState()).toBe('delayed');
    await app.coordinator.cancelTask({ ...running.ref, id: '42' });
    await eventually(async () => expect(await queue.getJob('#42')).toBeUndefined());
    await queue.close();
  });

  it('has keys that begin with the prefix and share a hash tag, and each task has another', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      await task.saveCheckpoint(1);
      await task.sendEvent('here');
      await task.waitForSignal('never');
    });
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    const handle = await app.coordinator.start(type, {}, { id: 'one' });
    const events = collect(app.coordinator.events(handle.ref));
    await events.until('here');
    await app.coordinator.start(type, {}, { id: 'late', delay: 60_000 });
    await app.coordinator.signal(handle.ref, 'other', 1);
    const keys = (await server.connect().keys('*')).filter((key) => key.includes(instances.prefix));
    const queue = `${instances.prefix}.${handle.ref.app}.${handle.ref.name}`;
    const tags = new Set(keys.map((key) => /\{([^}]+)\}/.exec(key)?.[1]));
    expect(tags).toEqual(
      new Set([queue, ...['one', 'late'].map((id) => `${handle.ref.app}:${handle.ref.name}:${id}`), 'tasks']),
    );
    for (const key of keys) expect(key.replace(/^\{/, '').startsWith(instances.prefix)).toBe(true);
    await handle.cancel();
  });

  it('keeps jobs for an instance that runs its type', async () => {
    const old = handlerTask(() => 'old');
    const added = handlerTask(() => 'new');
    const before = new Instances(server, [old]);
    await before.start();
    const after = new Instances(server, [old, added], before.prefix);
    const web = await after.startWeb();
    const handle = await web.coordinator.start(added, {});
    expect(await (await web.coordinator.start(old, {})).result).toBe('old');
    expect((await handle.snapshot()).status).toBe('pending');
    await after.start();
    expect(await handle.result).toBe('new');
  });

  it('takes further options of BullMQ', async () => {
    const starts: number[] = [];
    const type = handlerTask(() => void starts.push(performance.now()));
    const instances = new Instances(server, [type]);
    const app = await instances.start({
      bull: {
        queue: { streams: { events: { maxLen: 7 } } },
        worker: { name: 'one', limiter: { max: 1, duration: 250 } },
      },
    });
    const handles = await Promise.all([1, 2, 3].map(() => app.coordinator.start(type, {})));
    for (const handle of handles) await handle.result;
    expect(starts[2]! - starts[0]!).toBeGreaterThan(450);
    const name = `${instances.prefix}.${handles[0]!.ref.app}.${handles[0]!.ref.name}`;
    // A queue of ours would set its own.
    expect(await server.connect().hget(`{${name}}:${name}:meta`, 'opts.maxLenEvents')).toBe('7');
    const queue = openQueue(server, instances, handles[0]!);
    expect((await queue.getWorkers()).map(({ rawname }) => rawname)).toContainEqual(
      expect.stringMatching(/:w:one$/),
    );
    await queue.close();
  });
});

describeWithRedis('a task that runs elsewhere', [], (server) => {
  it('fails with what its handler has said, on every instance', async () => {
    const type = handlerTask(() => {
      throw new TypeError('secret of the handler');
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    await expect(handle.result).rejects.toMatchObject({
      name: 'TaskFailedError',
      code: 'TASK_FAILED',
      errorType: 'TypeError',
      message: 'secret of the handler',
    });
    const error = { message: 'secret of the handler', errorType: 'TypeError' };
    expect(await web.coordinator.get(handle.ref)).toMatchObject({ error });
    expect((await web.coordinator.list()).items).toMatchObject([{ error }]);
  });

  it('is refused where another version of its schema says no: no handler is called, none is tried again', async () => {
    let calls = 0;
    const versionOf = (input: NonNullable<StreamTaskOptions['input']>) =>
      handlerTask(() => ++calls, { name: 'versioned', attempts: 3, input });
    const web = await new Instances(
      server,
      [versionOf(z.object({ rows: z.number() }))],
      'versions',
    ).startWeb();
    await new Instances(server, [versionOf(z.object({ rows: z.string() }))], 'versions').start();
    const handle = await web.coordinator.start({ app: 'test', name: 'versioned' }, { rows: 5 });
    const events = await collect(handle.events()).done;
    expect(events.map(({ type }) => type)).toEqual(['failed']);
    expect(await handle.snapshot()).toMatchObject({
      status: 'failed',
      error: { errorType: 'InvalidInputError' },
    });
    expect(calls).toBe(0);
  });

  it('counts with those of all instances for `globalConcurrency`', async () => {
    let [now, most] = [0, 0];
    const all = deferred();
    const type = handlerTask(
      async (task: TaskContext) => {
        most = Math.max(most, ++now);
        if (most === 3) all.resolve();
        await task.sleep(20);
        now--;
      },
      { globalConcurrency: 3 },
    );
    const instances = new Instances(server, [type]);
    const apps = [await instances.start(), await instances.start()];
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_, n) => apps[n % 2]!.coordinator.start(type, {})),
    );
    for (const handle of handles) await handle.result;
    await all.promise;
    expect(most).toBe(3);
  });
});
