import { Child } from '../support/child.js';

/**
 * @typedef {object} Load
 * @property {number} tasks
 * @property {number} watchers of each task
 * @property {number} burst events of each task in one tick
 * @property {boolean} awaited whether the next tick waits until all watchers have this one's; otherwise each turn of the event
 *   loop is a tick
 */

/**
 * Processor time to spend, in milliseconds. The same for every server, as fast ones would else be measured too short
 * or slow ones too long.
 *
 * @typedef {object} Budget
 * @property {number} warmUp before the first slice
 * @property {number} slice
 */

/**
 * Before each slice, unmeasured. Linux answers each of the first 16 packets that come over a quiet connection with one of
 * its own, at the sender's expense, as the connection may be starting again; then one of several. Other servers had their
 * turn meanwhile, so all connections were quiet.
 */
const wakeUp = { ticks: 20, awaited: true, cpu: 600 };

/**
 * One server in a fresh process: all watchers connect, and it sends slice by slice until the budget of each is spent, while
 * the watchers count what they get.
 *
 * @param {string} name
 * @param {Load} load
 * @param {Budget} budget
 * @returns {Promise<import('../support/scenario.js').Measurement>}
 */
export async function openFanOut(name, { tasks, watchers, burst, awaited }, budget) {
  const server = new Child(new URL('server.js', import.meta.url), name);
  const client = new Child(new URL('client.js', import.meta.url), `the client of ${name}`);
  const close = async () => {
    await Promise.all([server.stop(), client.stop()]);
  };

  /** @param {{ cpu: number, ticks?: number, awaited?: boolean }} most */
  const send = async (most) => {
    // On a busy machine processor time is long in coming.
    const params = { burst, awaited, wall: 10 * most.cpu, ...most };
    const { each, ...used } = await server.call('send', params);
    const received = await client.call('received', { each });
    return { each, received, used };
  };

  const sum = { events: 0, cpu: 0, wall: 0 };
  let last = { each: 0, received: 0 };
  try {
    const address = await server.call('start', { name, tasks });
    await client.call('connect', { ...address, watchers, burst });
    await server.call('watched', { watchers: tasks * watchers });
    last = await send({ cpu: budget.warmUp });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async slice() {
      const before = await send(wakeUp);
      const { used, ...after } = await send({ cpu: budget.slice });
      sum.events += after.received - before.received;
      sum.cpu += used.cpu;
      sum.wall += used.wall;
      last = after;
    },
    result: () => ({
      connections: tasks * watchers,
      eventsPerConnection: last.each,
      received: last.received,
      perCpuSecond: (sum.events / sum.cpu) * 1_000,
      perSecond: (sum.events / sum.wall) * 1_000,
    }),
    close,
  };
}
