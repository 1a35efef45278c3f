import { Child } from '../support/child.js';

/** So many come and go first, so that what is loaded for the first of them is charged to none. */
const before = 100;

/**
 * One server in a new process, once: what it costs that many clients come, what it costs that they all come back, and how long
 * it takes to end their streams. While the first of them come, much is still being compiled.
 *
 * @param {string} name
 * @param {{ watchers: number, events?: number }} scenario `events`: so many that each client missed
 */
export async function measureStorm(name, { watchers, events = 0 }) {
  const server = new Child(new URL('server.js', import.meta.url), name);
  const client = new Child(new URL('client.js', import.meta.url), `the client of ${name}`);
  try {
    const address = await server.call('start', { name });
    await server.call('publish', { events });
    const connect = (/** @type {number} */ clients) =>
      client.call('connect', { ...address, events, watchers: clients });
    const disconnect = async () => {
      await client.call('disconnect');
      await server.call('watched', { watchers: 0 });
    };
    const perCpuSecond = async () => {
      const spent = /** @type {number} */ (await server.call('spent'));
      await connect(watchers);
      const spentThen = /** @type {number} */ (await server.call('spent'));
      return (watchers / (spentThen - spent)) * 1_000;
    };
    await connect(Math.min(before, watchers));
    await disconnect();
    const first = await perCpuSecond();
    await disconnect();
    const again = await perCpuSecond();

    const ended = client.call('ended');
    const begun = /** @type {number} */ (await server.call('end'));
    const endedAt = /** @type {number} */ (await ended);
    return {
      watchers,
      perCpuSecond: again,
      perCpuSecondAtFirst: first,
      endedAfter: (endedAt - begun) / 1_000,
    };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}
