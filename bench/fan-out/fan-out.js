import { Child } from '../support/child.js';

/**
 * @typedef {object} Scenario
 * @property {string} title
 * @property {number} tasks
 * @property {number} watchers of each task
 * @property {number} burst events of each task in one turn of the event loop
 */

/** @type {Record<string, Scenario>} */
export const scenarios = {
  single: { title: '1 task × 1 000 watchers, one event per tick', tasks: 1, watchers: 1_000, burst: 1 },
  bursts: { title: '1 task × 1 000 watchers, bursts of ten per tick', tasks: 1, watchers: 1_000, burst: 10 },
  'many-tasks': { title: '200 tasks × 5 watchers, one event per tick', tasks: 200, watchers: 5, burst: 1 },
};

/** @type {Record<string, Scenario>} */
export const quickScenarios = {
  single: { title: '1 task × 50 watchers, one event per tick', tasks: 1, watchers: 50, burst: 1 },
  bursts: { title: '1 task × 50 watchers, bursts of ten per tick', tasks: 1, watchers: 50, burst: 10 },
  'many-tasks': { title: '10 tasks × 5 watchers, one event per tick', tasks: 10, watchers: 5, burst: 1 },
};

/**
 * Processor time to spend, in milliseconds. The same for every server, as fast ones would else be measured too short
 * or slow ones too long.
 *
 * @typedef {object} Budget
 * @property {number} warmUp
 * @property {number} measured
 */

/**
 * One server in a fresh process, once: all watchers connect, it sends until its budget is spent, and the watchers count
 * what they get.
 *
 * @param {string} name
 * @param {Scenario} scenario
 * @param {Budget} budget
 */
export async function measureFanOut(name, { tasks, watchers, burst }, { warmUp, measured }) {
  const server = new Child(new URL('server.js', import.meta.url), name);
  const client = new Child(new URL('client.js', import.meta.url), `the client of ${name}`);
  try {
    const { port, paths } = await server.call('start', { name, tasks });
    await client.call('connect', { port, paths, watchers });
    await server.call('watched', { watchers: tasks * watchers });

    /** @param {number} cpu */
    const run = async (cpu) => {
      // On a busy machine processor time is long in coming.
      const each = await server.call('send', { cpu, wall: 10 * cpu, burst });
      const total = await client.call('received', { each });
      const used = await server.call('used');
      return { each, total, used };
    };
    const before = await run(warmUp);
    const after = await run(measured);
    const events = after.total - before.total;
    return {
      connections: tasks * watchers,
      eventsPerConnection: after.each,
      received: after.total,
      perCpuSecond: (events / after.used.cpu) * 1_000,
      perSecond: (events / after.used.wall) * 1_000,
    };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}
