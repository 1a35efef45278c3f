import { afterEach, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { type EventTask, OnTaskEvent, type TaskContext, type TaskEvent } from 'nestjs-streaming';
import { PendingTasks } from '../../lib/bullmq/pending-tasks.js';
import { TaskIndex } from '../../lib/bullmq/redis/task-index.js';
import type { TaskQueue } from '../../lib/bullmq/task-queue.js';
import { taskKey } from '../../lib/task/task-ref.js';
import { closeClock, openClock } from '../../lib/testing/clock-switch.js';
import { collect, handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { deferred, eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';

describeWithRedis('tasks that wait', [], (server) => {
  it('end when they have waited too long, also if the instance that started them is gone', async () => {
    const type = handlerTask(() => 'never', { pendingTimeout: 300 });
    const instances = new Instances(server, [type]);
    const watcher = await instances.startWeb();
    for (const starter of [watcher, await instances.startWeb()]) {
      const handle = await starter.coordinator.start(type, {});
      const events = collect(watcher.coordinator.events(handle.ref));
      if (starter !== watcher) await starter.close();
      expect((await events.done).map((event) => [event.type, event.data])).toEqual([
        ['timeout', { message: 'Task timed out', of: 'pending', timeout: 300 }],
      ]);
    }
  });

  it('are cancelled at a shutdown where they were started, if that is wanted', async () => {
    const type = handlerTask(() => 'done');
    const instances = new Instances(server, [type]);
    const one = await instances.startWeb();
    const two = await instances.startWeb();
    const mine = await one.coordinator.start(type, {});
    const delayed = await one.coordinator.start(type, {}, { delay: 60_000 });
    const other = await two.coordinator.start(type, {});
    expect(await one.coordinator.shutdown({ cancelPending: true })).toMatchObject({ cancelled: 2 });
    for (const handle of [mine, delayed]) expect((await handle.outcome).reason).toEqual({ kind: 'shutdown' });
    expect((await other.snapshot()).status).toBe('pending');
  });

  it('tell the listeners of one instance how they end', async () => {
    const heard: unknown[] = [];
    @Injectable()
    class Audit {
      @OnTaskEvent()
      record({ type, id, data }: TaskEvent, task: EventTask): void {
        heard.push([
          task.id,
          type,
          id.split('-')[1],
          (data as { reason?: string }).reason,
          task.owner,
          task.metadata,
        ]);
      }
    }
    const type = handlerTask(() => 'never', { pendingTimeout: 300 });
    const retried = handlerTask(
      () => {
        throw new Error('no');
      },
      { attempts: 2, backoff: 60_000 },
    );
    const instances = new Instances(server, [type, retried]);
    const webs = [
      await instances.startWeb({ providers: [Audit] }),
      await instances.startWeb({ providers: [Audit] }),
    ] as const;
    const [one, two] = webs;
    const given = { owner: 'ann', metadata: { n: 1 } };
    const late = await one.coordinator.start(type, {}, { id: 'late', ...given });
    await late.outcome;
    await eventually(() => expect(heard).toEqual([['late', 'timeout', '1', undefined, 'ann', { n: 1 }]]));
    const mine = await one.coordinator.start(type, {}, { id: 'mine', delay: 60_000 });
    await two.coordinator.cancelTask(mine.ref);
    const closed = await one.coordinator.start(type, {}, { id: 'closed', delay: 60_000 });
    await one.coordinator.shutdown({ cancelPending: true });
    await closed.outcome;
    await eventually(() =>
      expect(heard.slice(1)).toEqual([
        ['mine', 'cancelled', '1', 'external_cancellation', undefined, undefined],
        ['closed', 'cancelled', '1', 'shutdown', undefined, undefined],
      ]),
    );
    // Between two tries.
    await instances.start();
    const between = await two.coordinator.start(retried, {}, { id: 'between' });
    const events = collect(between.events());
    await events.until('retrying');
    await two.coordinator.cancelTask(between.ref);
    const last = String((await events.done).length);
    await eventually(() =>
      expect(heard.slice(3)).toEqual([
        ['between', 'cancelled', last, 'external_cancellation', undefined, undefined],
      ]),
    );
  });

  it('begin when their delay is over, the highest priority first', async () => {
    const order: number[] = [];
    const type = handlerTask(
      (task: TaskContext<{ n: number }>) => {
        order.push(task.input.n);
      },
      { concurrency: 1 },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const started = performance.now();
    const handles = [
      await web.coordinator.start(type, { n: 1 }),
      await web.coordinator.start(type, { n: 2 }, { priority: 5 }),
      await web.coordinator.start(type, { n: 3 }, { priority: 1_000 }),
      await web.coordinator.start(type, { n: 4 }, { priority: 5 }),
      await web.coordinator.start(type, { n: 5 }, { delay: 800, priority: 1_000 }),
    ];
    await instances.start();
    for (const handle of handles) await handle.result;
    expect(order).toEqual([3, 2, 4, 1, 5]);
    expect(performance.now() - started).toBeGreaterThan(790);
  });

  it('are no more than maxPending, on all instances together', async () => {
    const type = handlerTask(() => 'done', { concurrency: 2, maxPending: 3 });
    const instances = new Instances(server, [type]);
    const webs = [await instances.startWeb(), await instances.startWeb()];
    let refused = 0;
    for (let n = 0; n < 8; n++)
      await webs[n % 2]!.coordinator.start(type, {}).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'TOO_MANY_TASKS' });
        refused++;
      });
    // As many as one instance runs and as many as may wait.
    expect(refused).toBe(3);
  });

  it('are no more than maxPending, when all are started in one turn', async () => {
    const type = handlerTask(() => 'done', { concurrency: 2, maxPending: 3 });
    const web = await new Instances(server, [type]).startWeb();
    const start = (): Promise<unknown> => web.coordinator.start(type, {});
    const first = await Promise.allSettled(Array.from({ length: 4 }, start));
    const second = await Promise.allSettled(Array.from({ length: 4 }, start));
    const isStarted = ({ status }: PromiseSettledResult<unknown>): boolean => status === 'fulfilled';
    expect([first, second].map((starts) => starts.filter(isStarted).length)).toEqual([4, 1]);
    for (const each of second.filter((one) => one.status === 'rejected'))
      expect(each.reason).toMatchObject({ code: 'TOO_MANY_TASKS' });
  });

  it('run again after their end when they are restarted, at once and again and again', async () => {
    let calls = 0;
    const type = handlerTask(() => ++calls);
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    for (let n = 1; n <= 30; n++) {
      const handle = await app.coordinator.start(type, {}, { id: 'same', restart: true });
      expect(handle.created).toBe(true);
      expect(await handle.result).toBe(n);
    }
  });

  it('are listed on every instance, newest first, page by page', async () => {
    const type = handlerTask(() => 'done');
    const instances = new Instances(server, [type]);
    const one = await instances.startWeb();
    const two = await instances.startWeb();
    const ids: string[] = [];
    for (let n = 0; n < 25; n++)
      ids.unshift((await one.coordinator.start(type, {}, { owner: n % 2 ? 'odd' : 'even' })).id);
    const first = await one.coordinator.list({ limit: 10 });
    const second = await two.coordinator.list({ limit: 10, cursor: first.nextCursor! });
    const third = await one.coordinator.list({ limit: 10, cursor: second.nextCursor! });
    expect([first, second, third].flatMap(({ items }) => items.map(({ id }) => id)).toSorted()).toEqual(
      ids.toSorted(),
    );
    expect(third.nextCursor).toBeNull();
    expect((await two.coordinator.list({ owner: 'odd', status: 'pending' })).items).toHaveLength(12);
    await expect(two.coordinator.list({ cursor: 'x' })).rejects.toMatchObject({ code: 'INVALID_QUERY' });
    await eventually(async () =>
      expect((await two.coordinator.list({ status: 'running' })).items).toEqual([]),
    );
  });
});

describeWithRedis('a place', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is free when the terminal event is seen, on every instance, and for one of many that want it', async () => {
    const One = handlerTask(() => 1, { app: 'places', name: 'one', concurrency: 1, maxPending: 0 });
    const instances = new Instances(server, [One]);
    const web = await instances.startWeb();
    await instances.start();
    let [held, hold] = ['', deferred()];
    const { ended } = TaskIndex.prototype;
    // Until then the job of the task is active.
    jest.spyOn(TaskIndex.prototype, 'ended').mockImplementation(async function (this: TaskIndex, ...args) {
      if (args[0] === held) await hold.promise;
      return ended.apply(this, args);
    });
    for (const id of ['7', 'seven']) {
      [held, hold] = [taskKey({ app: 'places', name: 'one', id }), deferred()];
      const handle = await web.coordinator.start(One, {}, { id });
      expect((await collect(handle.events()).done).at(-1)?.type).toBe('completed');
      const starts = await Promise.allSettled([1, 2, 3].map(() => web.coordinator.start(One, {})));
      const refusals = starts.filter((start) => start.status === 'rejected');
      expect(refusals.map(({ reason }) => (reason as Error).name)).toEqual(
        Array(2).fill('TooManyTasksError'),
      );
      hold.resolve();
      for (const start of starts) if (start.status === 'fulfilled') await start.value.outcome;
    }
  });
});

it('a task between two tries has a timer only where its time ends soon: all others are left to sweeps', () => {
  const clock = openClock();
  try {
    const deadlines: [string, number][] = [];
    const store = { setDeadline: (key: string, ms: number) => deadlines.push([key, ms]) };
    const queue = { store } as unknown as TaskQueue;
    const pending = new PendingTasks({} as ConstructorParameters<typeof PendingTasks>[0]);
    pending.onRelease(queue, 'soon', 30_000);
    expect(clock.pending.map(({ dueAt }) => dueAt)).toEqual([30_000]);
    for (let n = 0; n < 100; n++) pending.onRelease(queue, `late:${n}`, 3_600_000);
    pending.onStart(queue, 'waits', 3_600_000, 3_600_000);
    pending.onRelease(queue, 'soon', 3_600_000);
    expect(clock.pending).toEqual([]);
    expect(deadlines).toHaveLength(102);
  } finally {
    closeClock(clock);
  }
});
