import { afterEach, expect, it, jest } from '@jest/globals';
import { Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { TaskContext, TaskRef } from 'nestjs-streaming';
import { RedisTasks } from '../../../lib/bullmq/redis/redis-tasks.js';
import { TaskWorker } from '../../../lib/bullmq/run/task-worker.js';
import { TaskQueue } from '../../../lib/bullmq/task-queue.js';
import { collect, handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { deferred, eventually } from '../../support/wait.js';
import { Instances } from '../support/instances.js';
import { takeLease } from '../support/leases.js';

const leaseTime = 300;

/** In epoch milliseconds, as scripts have it. */
async function timeOf(client: Redis): Promise<number> {
  const [seconds, microseconds] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}

describeWithRedis('the job of a task', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  function queueOf({ prefix }: Instances, { app, name }: Pick<TaskRef, 'app' | 'name'>): [string, object] {
    const queue = `${prefix}.${app}.${name}`;
    return [queue, { prefix: `{${queue}}`, connection: { host: server.host, port: server.port } }];
  }

  it.each(['waits', 'is worked on'])(
    'of an earlier run that %s does not keep a restarted one out',
    async (what) => {
      const type = handlerTask(() => 'done');
      const instances = new Instances(server, [type]);
      const web = await instances.startWeb();
      const before = await web.coordinator.start(type, {}, { id: 'same' });
      const queue = new Queue(...(queueOf(instances, before.ref) as [string, { connection: object }]));
      const [job] = await queue.getJobs();
      await before.cancel();
      await eventually(async () => expect(await queue.getJobs()).toEqual([]));
      await queue.add(job!.name, job!.data, {
        jobId: 'same',
        priority: 1,
        removeOnFail: true,
        removeOnComplete: true,
      });
      const worker = new Worker(queue.name, null, { ...queue.opts, lockDuration: 500, autorun: false });
      if (what === 'is worked on') expect(await worker.getNextJob('token')).toMatchObject({ id: 'same' });

      const handle = await web.coordinator.start(type, {}, { id: 'same', restart: true });
      await instances.start();

      expect(await handle.result).toBe('done');
      await worker.close();
      await queue.close();
    },
  );

  it('of an earlier run that is given up a moment later keeps a restarted one out no longer', async () => {
    const type = handlerTask(() => 'done');
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const before = await web.coordinator.start(type, {}, { id: 'same' });
    const [name, options] = queueOf(instances, before.ref);
    const worker = new Worker(name, null, { ...options, connection: server, autorun: false });
    const job = await worker.getNextJob('token');
    await before.cancel();
    const began = performance.now();
    const handle = await web.coordinator.start(type, {}, { id: 'same', restart: true });
    await instances.start();
    await job.moveToCompleted('done', 'token', false);
    expect(await handle.result).toBe('done');
    // No sweep was needed.
    expect(performance.now() - began).toBeLessThan(3_000);
    await worker.close();
  });

  it('that has ended takes no place among those that wait, though who has ended it could not remove it', async () => {
    const type = handlerTask(() => 'done', { concurrency: 1, maxPending: 0 });
    const web = await new Instances(server, [type]).startWeb();
    const { ref } = await web.coordinator.start(type, {}, { delay: 3_600_000 });
    const remove = jest.spyOn(TaskQueue.prototype, 'remove').mockRejectedValueOnce(new Error('lost'));
    await web.coordinator.cancelTask(ref);
    expect(remove).toHaveBeenCalledTimes(1);
    await expect(web.coordinator.start(type, {})).rejects.toMatchObject({ code: 'TOO_MANY_TASKS' });
    await eventually(() => web.coordinator.start(type, {}), { interval: 200 });
  });

  it('goes on when Redis refuses what becomes of it', async () => {
    const type = handlerTask(
      (task: TaskContext) => {
        if (task.attempt === 1) throw new Error('no');
        return task.attempt;
      },
      { attempts: 2, backoff: 5 },
    );
    const refused = jest.spyOn(Job.prototype, 'moveToDelayed').mockRejectedValueOnce(new Error('refused'));
    const app = await new Instances(server, [type]).start();
    expect(await (await app.coordinator.start(type, {})).result).toBe(2);
    expect(refused).toHaveBeenCalledTimes(1);
  });

  it('keeps its lock when it comes back to an instance that still works on it', async () => {
    const hold = deferred();
    const attempts: number[] = [];
    const type = handlerTask(
      async (task: TaskContext) => {
        attempts.push(task.attempt);
        await task.sendEvent('running');
        if (task.attempt === 1) await hold.promise;
        // Some renewals long.
        else await task.sleep(1_500);
        return task.attempt;
      },
      { resumable: true, grace: 60_000 },
    );
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    const handle = await app.coordinator.start(type, {});
    await collect(handle.events()).until('running');
    await takeLease(server, instances, handle.ref);
    await eventually(async () => expect((await handle.snapshot()).status).toBe('completed'));
    expect(attempts).toEqual([1, 2]);
    hold.resolve();
  });

  it('is not tried again where its try was lost and the next instance closes', async () => {
    let calls = 0;
    const hold = deferred();
    const type = handlerTask(async (task: TaskContext) => {
      calls++;
      await task.sendEvent('running');
      await hold.promise;
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const first = await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    await events.until('running');
    const claimed = deferred();
    const closing = deferred();
    const claim = Reflect.get(RedisTasks.prototype, 'claim');
    jest.spyOn(RedisTasks.prototype, 'claim').mockImplementationOnce(async function (
      this: RedisTasks,
      ...args
    ) {
      const answer = await claim.apply(this, args);
      claimed.resolve();
      await closing.promise;
      return answer;
    });
    await takeLease(server, instances, handle.ref);
    await claimed.promise;
    const closed = first.coordinator.shutdown({ timeout: 1_000 });
    closing.resolve();
    await instances.start();
    expect((await events.done).at(-1)).toMatchObject({ type: 'failed', data: { errorType: 'WorkerLost' } });
    expect(calls).toBe(1);
    hold.resolve();
    await closed;
  });

  it('is given back where its claim arrives behind the end of its lock: no try begins that is lost', async () => {
    const attempts: number[] = [];
    const type = handlerTask((task: TaskContext) => void attempts.push(task.attempt));
    // As when the event loop is blocked, and no other instance has looked yet.
    const held = [
      jest.spyOn(TaskWorker.prototype, 'renewLocks').mockResolvedValue(undefined),
      jest.spyOn(TaskWorker.prototype, 'reviveJobs').mockResolvedValue(undefined),
    ];
    const answers: string[] = [];
    const client = server.connect();
    const claim = Reflect.get(RedisTasks.prototype, 'claim');
    jest.spyOn(RedisTasks.prototype, 'claim').mockImplementation(async function (this: RedisTasks, ...args) {
      const until = args[4] ?? 0;
      // An instance that has asked a busy Redis for the time takes the lock to end a little later.
      if (answers.length === 0) await eventually(async () => (await timeOf(client)) > until);
      const answer = await claim.apply(this, args);
      answers.push(answer.verdict);
      for (const each of held) each.mockRestore();
      return answer;
    });
    const app = await new Instances(server, [type]).start({ bull: { lockDuration: leaseTime } });
    const handle = await app.coordinator.start(type, {});
    expect((await handle.outcome).status).toBe('completed');
    expect(answers).toEqual(['late', 'run']);
    expect(attempts).toEqual([1]);
  });

  it('leaves the task alone where its claim arrives behind that of a later fetch', async () => {
    let calls = 0;
    const hold = deferred();
    const type = handlerTask(async (task: TaskContext) => {
      calls++;
      await task.sendEvent('running');
      await hold.promise;
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const asked = deferred();
    const late = deferred();
    const answered = deferred();
    const claim = Reflect.get(RedisTasks.prototype, 'claim');
    jest.spyOn(RedisTasks.prototype, 'claim').mockImplementationOnce(async function (
      this: RedisTasks,
      ...args
    ) {
      asked.resolve();
      await late.promise;
      const answer = await claim.apply(this, args);
      answered.resolve();
      return answer;
    });
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    await asked.promise;
    await takeLease(server, instances, handle.ref);
    await events.until('running');
    late.resolve();
    await answered.promise;
    hold.resolve();
    expect((await events.done).map(({ type: name }) => name)).toEqual(['started', 'running', 'completed']);
    expect(calls).toBe(1);
  });
});
