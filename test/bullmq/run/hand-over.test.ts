import { expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { collect, handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { deferred, eventually } from '../../support/wait.js';
import { openStream } from '../../support/clients/sse.js';
import { Instances } from '../support/instances.js';

describeWithRedis('an instance that closes', [], (server) => {
  it('hands a resumable task over, and another one goes on from its checkpoint', async () => {
    const reasons: unknown[] = [];
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('row', task.checkpoint);
        if (task.attempt > 1) return 'done';
        await task.saveCheckpoint(600);
        try {
          await task.sleep(60_000);
          return 'slept';
        } finally {
          reasons.push(task.reason);
          // What it sends and saves counts until it settles.
          void task.saveCheckpoint(700);
          await task.sendEvent('cleaned');
        }
      },
      { resumable: true, announceCancelling: true },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const first = await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    await events.until('row');

    const report = await first.coordinator.shutdown({ timeout: 2_000 });

    expect(report).toMatchObject({
      handedOver: [`test:${handle.ref.name}:${handle.id}`],
      completed: 0,
      cancelled: 0,
      abandoned: [],
    });
    expect(await handle.snapshot()).toMatchObject({ status: 'running', attempt: 1 });
    await instances.start();
    expect((await events.done).map((event) => [event.type, event.data])).toEqual([
      ['started', { attempt: 1 }],
      ['row', null],
      ['cleaned', null],
      ['retrying', { attempt: 2, delay: 0, message: 'The instance closed', cause: 'handover' }],
      ['started', { attempt: 2 }],
      ['row', 700],
      ['completed', { finalValue: 'done' }],
    ]);
    expect(reasons).toEqual([{ kind: 'shutdown' }]);
    expect(await handle.result).toBe('done');
  });

  it('wakes an instance that waits for tasks', async () => {
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('begun');
        if (task.attempt === 1) await task.sleep(60_000);
      },
      { resumable: true },
    );
    const instances = new Instances(server, [type]);
    const first = await instances.start();
    const handle = await first.coordinator.start(type, {});
    await collect(handle.events()).until('begun');
    // It would look by itself in a minute.
    const second = await instances.start({ bull: { worker: { drainDelay: 60 } } });
    const client = server.connect();
    await eventually(async () => {
      const clients = String(await client.client('LIST'));
      expect(clients.split('\n').filter((line) => line.includes('cmd=bzpopmin'))).toHaveLength(2);
    });
    client.disconnect();

    const seen = collect(second.coordinator.events(handle.ref));
    await first.coordinator.shutdown({ timeout: 2_000 });
    expect((await seen.done).at(-1)?.type).toBe('completed');
  });

  it('cancels a task that is not resumable, and leaves those that wait to others', async () => {
    const running = deferred();
    const type = handlerTask(
      async (task: TaskContext<{ n: number }>) => {
        if (task.input.n > 1) return task.input.n;
        running.resolve();
        await task.sleep(60_000);
        return 0;
      },
      { concurrency: 1 },
    );
    const instances = new Instances(server, [type]);
    const first = await instances.start();
    const one = await first.coordinator.start(type, { n: 1 });
    await running.promise;
    const two = await first.coordinator.start(type, { n: 2 });

    const report = await first.coordinator.shutdown({ timeout: 2_000 });

    expect(report).toMatchObject({ cancelled: 1, completed: 0, handedOver: [], abandoned: [] });
    expect((await one.outcome).reason).toEqual({ kind: 'shutdown' });
    expect((await two.snapshot()).status).toBe('pending');
    await instances.start();
    expect(await two.result).toBe(2);
  });

  it('hands over a handler that ignores its signal when the time is over, and nothing that it does later is seen', async () => {
    const hold = deferred();
    const late = deferred();
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('try', task.attempt);
        if (task.attempt > 1) return late.promise;
        await hold.promise;
        await task.sendEvent('unseen');
        return 'unseen';
      },
      { resumable: true },
    );
    const instances = new Instances(server, [type]);
    const first = await instances.start();
    const second = await instances.startWeb();
    const handle = await second.coordinator.start(type, {});
    const events = collect(handle.events());
    await events.until('try');
    const key = `test:${handle.ref.name}:${handle.id}`;

    const report = await first.coordinator.shutdown({ timeout: 100 });
    expect(report).toMatchObject({ handedOver: [key], abandoned: [key], cancelled: 0 });
    expect(report.durationMs).toBeLessThan(2_000);
    await instances.start();
    await events.until((event) => event.type === 'try' && event.data === 2);
    hold.resolve();
    late.resolve();
    expect((await events.done).map((event) => event.type)).toEqual([
      'started',
      'try',
      'retrying',
      'started',
      'try',
      'completed',
    ]);
  });

  it('is gone in time while Redis is away', async () => {
    const type = handlerTask((task: TaskContext) => task.sleep(60_000), { resumable: true });
    const other = handlerTask((task: TaskContext) => task.sleep(60_000));
    const instances = new Instances(server, [type, other]);
    const app = await instances.start();
    const handles = await Promise.all([app.coordinator.start(type, {}), app.coordinator.start(other, {})]);
    for (const handle of handles) await collect(handle.events()).until('started');
    await server.kill();
    const began = performance.now();
    const report = await app.coordinator.shutdown({ timeout: 300 });
    expect(performance.now() - began).toBeLessThan(2_300);
    expect(report).toMatchObject({ cancelled: 1 });
    await app.close();
    expect(performance.now() - began).toBeLessThan(3_800);
    await server.restart();
  });

  it('hands over a resumable task whose input is still being checked', async () => {
    const checking = deferred();
    const hold = deferred();
    let checks = 0;
    const validate = async (value: unknown): Promise<{ value: unknown }> => {
      // At the start, and where it runs.
      if (++checks === 2) {
        checking.resolve();
        await hold.promise;
      }
      return { value };
    };
    const input = { '~standard': { version: 1, vendor: 'test', validate } } as const;
    const attempts: number[] = [];
    const type = handlerTask((task: TaskContext) => void attempts.push(task.attempt), {
      resumable: true,
      input,
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const first = await instances.start();
    const handle = await web.coordinator.start(type, {});
    await checking.promise;
    const report = await first.coordinator.shutdown({ timeout: 2_000 });
    expect(report).toMatchObject({
      handedOver: [`test:${handle.ref.name}:${handle.id}`],
      cancelled: 0,
      abandoned: [],
    });
    hold.resolve();
    await instances.start();
    expect((await handle.outcome).status).toBe('completed');
    expect(attempts).toEqual([2]);
  });
});

describeWithRedis('a stream of an instance that closes', [], (server) => {
  it('ends with a retry and no terminal event where its task goes on, and its client misses nothing elsewhere', async () => {
    const hold = deferred();
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('try', task.attempt);
        await task.waitFor(hold.promise);
        return 'done';
      },
      { resumable: true },
    );
    const instances = new Instances(server, [type]);
    const first = await instances.start({ listen: true });
    const handle = await first.coordinator.start(type, {});
    const path = `/test/${handle.ref.name}/${handle.id}`;
    const stream = await openStream(`${first.url}${path}`);
    await stream.next('try');
    const second = await instances.start({ listen: true });
    await first.coordinator.shutdown({ timeout: 2_000 });
    expect(await stream.ended).toBe('complete');
    const text = stream.raw;
    expect(text).toMatch(/retry: \d+\n$/);
    expect(text).not.toContain('event: completed');
    await first.app.close();

    const headers = { 'Last-Event-ID': stream.lastEventId! };
    const again = await openStream(`${second.url}${path}`, { headers });
    hold.resolve();
    await again.next('completed');
    const seqs = [...stream.events, ...again.events].map(({ id }) => Number(id!.split('-')[1]));
    expect(seqs).toEqual(seqs.map((_seq, n) => n + 1));
  });
});
