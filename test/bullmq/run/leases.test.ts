import { expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { collect, handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { deferred, eventually } from '../../support/wait.js';
import { Instances } from '../support/instances.js';
import { takeLease } from '../support/leases.js';

describeWithRedis('a lease that is lost', [], (server) => {
  it('ends a task that may run only once as failed, and aborts the handler with "lost"', async () => {
    const reasons: unknown[] = [];
    const type = handlerTask(async (task: TaskContext) => {
      await task.sendEvent('running');
      try {
        await task.sleep(60_000);
      } finally {
        reasons.push(task.reason);
        await task.sendEvent('unseen');
      }
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    await events.until('running');

    await takeLease(server, instances, handle.ref);

    expect((await events.done).map((event) => [event.type, event.data])).toEqual([
      ['started', { attempt: 1 }],
      ['running', null],
      ['failed', { message: 'The worker was lost', errorType: 'WorkerLost' }],
    ]);
    await eventually(() => expect(reasons).toEqual([{ kind: 'lost' }]));
    expect(await handle.snapshot()).toMatchObject({ status: 'failed', attempt: 1 });
  });

  it('is a failed try where there are attempts, and costs a resumable task none', async () => {
    const calls: [string, number, unknown][] = [];
    const hold = deferred();
    const body = (name: string) => async (task: TaskContext) => {
      calls.push([name, task.attempt, task.checkpoint]);
      if (task.attempt === 1) {
        await task.saveCheckpoint({ row: 5 });
        await task.sendEvent('running');
        await task.waitFor(hold.promise);
      }
      return task.attempt;
    };
    const tried = handlerTask(body('tried'), { attempts: 2, backoff: 5 });
    const resumed = handlerTask(body('resumed'), { resumable: true });
    const instances = new Instances(server, [tried, resumed]);
    const web = await instances.startWeb();
    await instances.start();
    for (const [name, type] of [
      ['tried', tried],
      ['resumed', resumed],
    ] as const) {
      const handle = await web.coordinator.start(type, {});
      const events = collect(handle.events());
      await events.until('running');
      await takeLease(server, instances, handle.ref);
      const delay = name === 'tried' ? 5 : 0;
      expect((await events.done).map((event) => [event.type, event.data])).toEqual([
        ['started', { attempt: 1 }],
        ['running', null],
        ['retrying', { attempt: 2, delay, message: 'The worker was lost', cause: 'lost' }],
        ['started', { attempt: 2 }],
        ['completed', { finalValue: 2 }],
      ]);
      expect(calls.splice(0)).toEqual([
        [name, 1, null],
        [name, 2, { row: 5 }],
      ]);
    }
    hold.resolve();
  });

  it('leaves a task that is being cancelled cancelled, and calls no handler again', async () => {
    let calls = 0;
    const hold = deferred();
    const type = handlerTask(
      async (task: TaskContext) => {
        calls++;
        await task.sendEvent('running');
        await hold.promise;
      },
      { resumable: true, attempts: 5, grace: 60_000 },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    await events.until('running');
    await handle.cancel({ detail: 'no more', by: 'ann' });
    await takeLease(server, instances, handle.ref);

    const data = { message: 'Task was cancelled', reason: 'external_cancellation', detail: 'no more' };
    expect((await events.done).at(-1)).toMatchObject({ type: 'cancelled', data });
    expect((await handle.snapshot()).cancellation).toEqual({
      kind: 'external',
      detail: 'no more',
      by: 'ann',
    });
    expect(calls).toBe(1);
    hold.resolve();
  });

  it('tries a task again that fails, elsewhere or here, and gives its place up meanwhile', async () => {
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('try');
        if (task.attempt < 3) throw new Error(`no ${task.attempt}`);
        return 'done';
      },
      { attempts: 3, backoff: (attempt) => attempt * 10 },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = await collect(handle.events()).done;
    expect(events.map((event) => [event.type, event.data])).toEqual([
      ['started', { attempt: 1 }],
      ['try', null],
      ['retrying', { attempt: 2, delay: 10, message: 'Internal error', cause: 'failed' }],
      ['started', { attempt: 2 }],
      ['try', null],
      ['retrying', { attempt: 3, delay: 20, message: 'Internal error', cause: 'failed' }],
      ['started', { attempt: 3 }],
      ['try', null],
      ['completed', { finalValue: 'done' }],
    ]);
    expect(new Set(events.map(({ id }) => id.split('-')[0])).size).toBe(1);
  });

  it('is not tried again when its time is over', async () => {
    let calls = 0;
    const type = handlerTask(
      () => {
        calls++;
        throw new Error('no');
      },
      { attempts: 2, backoff: 60_000, timeout: 300 },
    );
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    const events = await collect((await app.coordinator.start(type, {})).events()).done;
    expect(events.map((event) => [event.type, event.data])).toEqual([
      ['started', { attempt: 1 }],
      ['retrying', { attempt: 2, delay: 60_000, message: 'Internal error', cause: 'failed' }],
      ['timeout', { message: 'Task timed out', of: 'total', timeout: 300 }],
    ]);
    expect(calls).toBe(1);
  });

  it.each(['there', 'gone'])(
    'ends when its time is over, also where no place is free for its next try and the instance of the last one is %s',
    async (instance) => {
      const hold = deferred();
      const otherWaits = deferred();
      const calls: string[] = [];
      const type = handlerTask(
        async (task: TaskContext) => {
          calls.push(task.id);
          await task.sendEvent('try');
          if (task.id === 'other') return task.waitFor(hold.promise);
          await otherWaits.promise;
          throw new Error('no');
        },
        { attempts: 2, backoff: 1, concurrency: 1 },
      );
      const instances = new Instances(server, [type]);
      const web = await instances.startWeb();
      const first = await instances.start();
      const late = await web.coordinator.start(type, {}, { id: 'late', timeout: 700, priority: 1 });
      // It has the place by the next try, as its priority is higher.
      const other = await web.coordinator.start(type, {}, { id: 'other', priority: 2 });
      otherWaits.resolve();
      const events = collect(late.events());
      await events.until('retrying');
      await collect(other.events()).until('try');
      if (instance === 'gone') await first.close();
      expect((await events.done).map((event) => [event.type, event.data]).slice(-2)).toEqual([
        ['retrying', expect.objectContaining({ attempt: 2 })],
        ['timeout', { message: 'Task timed out', of: 'total', timeout: 700 }],
      ]);
      expect(await late.outcome).toMatchObject({ status: 'timeout', started: true, reason: { of: 'total' } });
      expect(calls).toEqual(['late', 'other']);
      hold.resolve();
    },
  );
});
