import { Child } from '../support/child.js';

/**
 * @typedef {object} Load
 * @property {number} tasks
 * @property {number} watchers of each task
 * @property {number} burst events of each task in one turn of the event loop
 */

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
 * @param {Load} load
 * @param {Budget} budget
 */
export async function measureFanOut(name, { tasks, watchers, burst }, { warmUp, measured }) {
  const server = new Child(new URL('server.js', import.meta.url), name);
  const client = new Child(new URL('client.js', import.meta.url), `the client of ${name}`);
  try {
    const address = await server.call('start', { name, tasks });
    await client.call('connect', { ...address, watchers });
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
