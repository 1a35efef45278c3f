import { setTimeout as delay } from 'node:timers/promises';
import { quantiles } from '../report/statistics.js';
import { Cluster } from './cluster.js';

/** So many milliseconds lie between two cancels, where they come one after the other. */
const pause = 20;

/** So often it is looked whether a worker has heard of all its jobs. */
const mostLooks = 200;

/** Where a task is to wait for longer than anything takes here, in milliseconds. */
const anHour = 3_600_000;

/**
 * Tasks are started on one instance and run on another.
 *
 * @param {string} name
 * @param {{ warmUp: number, tasks: number }} size
 */
export function measureJobs(name, { warmUp, tasks }) {
  return Cluster.use(name, async (cluster) => {
    const { child: producer } = await cluster.add();
    const { child: worker, queue } = await cluster.add('short');
    const run = async (/** @type {number} */ count) => {
      const before = await worker.call('completed');
      await producer.call('produce', { tasks: count });
      while ((await cluster.redis.jobs(queue)) > 0) await delay(5);
      // The worker hears a little later that its last jobs are gone.
      for (let looks = 0; ; looks++) {
        const completed = (await worker.call('completed')) - before;
        if (completed >= count || looks === mostLooks) return completed;
        await delay(5);
      }
    };
    await run(warmUp);
    let completed = 0;
    const { cpu, wall, redis } = await cluster.cost(async () => {
      completed = await run(tasks);
    });
    if (completed !== tasks) throw new Error(`${name}: of ${tasks} tasks ${completed} were run`);
    return {
      tasks,
      completed,
      perCpuSecond: (tasks / cpu) * 1_000,
      perSecond: (tasks / wall) * 1_000,
      redisTime: (redis / tasks) * 1_000,
    };
  });
}

/**
 * Tasks run on one instance, and are started and watched on another.
 *
 * @param {string} name
 * @param {{ warmUp: number, tasks: number, atOnce: number, bursts: number, burst: number }} size tasks that warm up, and that
 *   are measured; how many run at once; and in how many bursts of so many events each sends
 */
export function measureEvents(name, { warmUp, tasks, ...input }) {
  return Cluster.use(name, async (cluster) => {
    const { child: watcher } = await cluster.add();
    await cluster.add('stream');
    let received = 0;
    const run = async (/** @type {number} */ count) => {
      const all = await watcher.call('stream', { tasks: count, ...input, text: 'x'.repeat(40) });
      received = all.received;
    };
    await run(warmUp);
    const { cpu, wall, redis } = await cluster.cost(() => run(tasks));
    const events = tasks * input.bursts * input.burst;
    if (received !== events) throw new Error(`${name}: of ${events} events ${received} were received`);
    return {
      events,
      received,
      perCpuSecond: (events / cpu) * 1_000,
      perSecond: (events / wall) * 1_000,
      redisTime: (redis / events) * 1_000,
    };
  });
}

/**
 * How long the first event of a task takes to a watcher on another instance.
 *
 * @param {string} name
 * @param {{ warmUp: number, tasks: number }} size
 */
export function measureFirstEvents(name, { warmUp, tasks }) {
  return Cluster.use(name, async (cluster) => {
    const { child: watcher } = await cluster.add();
    await cluster.add('stream');
    await watcher.call('firstEvents', { tasks: warmUp });
    const { start, handler } = await watcher.call('firstEvents', { tasks });
    return { tasks, p50: start.p50, p99: start.p99, handlerP50: handler.p50, handlerP99: handler.p99 };
  });
}

/**
 * Tasks run on one instance, are cancelled on another, and watched on a third.
 *
 * @param {string} name
 * @param {{ tasks: number, atOnce: boolean }} size how many run, and whether all are cancelled in one turn
 */
export function measureCancels(name, { tasks, atOnce }) {
  return Cluster.use(name, async (cluster) => {
    await cluster.add('sleep');
    const { child: canceller } = await cluster.add();
    const { child: watcher } = await cluster.add();
    const ids = Array.from({ length: tasks }, (_, n) => `task-${n}`);
    await canceller.call('hold', { ids });
    await watcher.call('watch', { ids });
    await watcher.call('begun', { tasks });
    const cancelled = await canceller.call('cancel', { ids, pause: atOnce ? 0 : pause });
    const ended = await watcher.call('ended', { tasks });
    const latencies = Float64Array.from(ids, (id) => (ended[id] - cancelled[id]) / 1_000);
    const { p50, p99, max } = quantiles(latencies);
    return { tasks, cancelled: Object.keys(cancelled).length, p50, p99, max };
  });
}

/**
 * What it takes of an instance to watch many tasks.
 *
 * @param {string} name
 * @param {{ tasks: number, runs: readonly import('./contenders/index.js').Kind[] }} size
 */
export function measureConnections(name, { tasks, runs }) {
  return Cluster.use(name, async (cluster) => {
    const { child: instance } = await cluster.add(...runs);
    const ids = Array.from({ length: tasks }, (_, n) => `task-${n}`);
    await instance.call('hold', { ids, delay: anHour });
    const before = await instance.call('memory');
    await instance.call('watch', { ids });
    const after = await instance.call('memory');
    const connections = await cluster.redis.connections();
    return { watched: tasks, connections, held: (after - before) / tasks };
  });
}
