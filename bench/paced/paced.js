import { Child } from '../support/child.js';

const serverScript = new URL('server.js', import.meta.url);
/** Reads when each event was sent. */
const stampClient = new URL('client.js', import.meta.url);
/** Counts alone, so that it keeps up with more. */
const countClient = new URL('../fan-out/client.js', import.meta.url);

/** 50 events in a second. */
const interval = 20;

/**
 * @typedef {object} Load
 * @property {number} watchers in all
 * @property {number} stalled how many of them never read
 * @property {number} warmUp events
 * @property {number} events measured
 */

/**
 * One server in a fresh process, once: from the sending of each event to its receipt in the process of the watchers.
 *
 * @param {string} name
 * @param {Load} load
 */
export async function measureLatency(name, { watchers, stalled, warmUp, events }) {
  const server = new Child(serverScript, name);
  const client = new Child(stampClient, `the client of ${name}`);
  try {
    const address = await server.call('start', { name });
    if (stalled > 0) {
      await client.call('stall', { ...address, watchers: stalled });
      await server.call('watched', { watchers: stalled });
      await server.call('fill', { stalled });
    }
    const paths = address.paths.map((/** @type {string} */ path) =>
      stalled > 0 ? `${path}?from=latest` : path,
    );
    const reading = watchers - stalled;
    await client.call('connect', { ...address, paths, watchers: reading });
    await server.call('watched', { watchers });

    const run = async (/** @type {number} */ count) => {
      await client.call('expect', { events: reading * count });
      const { each, cpuShare } = await server.call('pace', { events: count, interval, monitor: false });
      const received = await client.call('received', { each });
      return { each, received, cpuShare };
    };
    await run(warmUp);
    const { each, received, cpuShare } = await run(events);
    const { count, p50, p99, max } = await client.call('latencies');
    if (count !== reading * events)
      throw new Error(`${name}: ${count} latencies of ${reading * events} events`);
    const blocked = await server.call('blocked');
    return {
      connections: watchers,
      reading,
      eventsPerConnection: each,
      received,
      blocked,
      p50,
      p99,
      max,
      cpuShare,
    };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}

/**
 * One server in a fresh process, once: how long its event loop is held up while many watch.
 *
 * @param {string} name
 * @param {Omit<Load, 'stalled'>} load
 */
export async function measureLoopDelay(name, { watchers, warmUp, events }) {
  const server = new Child(serverScript, name);
  const client = new Child(countClient, `the client of ${name}`);
  try {
    const address = await server.call('start', { name });
    await client.call('connect', { ...address, watchers });
    await server.call('watched', { watchers });

    const run = async (/** @type {number} */ count) => {
      const { each, ...seen } = await server.call('pace', { events: count, interval, monitor: true });
      const received = await client.call('received', { each });
      return { each, received, ...seen };
    };
    await run(warmUp);
    const { each, received, cpuShare, loopDelay } = await run(events);
    return { connections: watchers, eventsPerConnection: each, received, loopDelay, cpuShare };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}
