import { Child } from '../support/child.js';

/** So many come and go first, so that what is loaded and compiled for the first of them is charged to none. */
const before = 1_000;

/**
 * One server in a fresh process, once: what it costs that many clients come, and how long it takes to end their streams.
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
    await client.call('connect', { ...address, events, watchers: Math.min(before, watchers) });
    await client.call('disconnect');
    await server.call('watched', { watchers: 0 });

    const spent = /** @type {number} */ (await server.call('spent'));
    await client.call('connect', { ...address, events, watchers });
    const cpu = /** @type {number} */ (await server.call('spent')) - spent;
    const ended = client.call('ended');
    const begun = /** @type {number} */ (await server.call('end'));
    const endedAt = /** @type {number} */ (await ended);
    return { watchers, perCpuSecond: (watchers / cpu) * 1_000, endedAfter: (endedAt - begun) / 1_000 };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}
