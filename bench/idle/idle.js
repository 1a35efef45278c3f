import { Child } from '../support/child.js';

/** So many come and go first, so that what is loaded and compiled for the first of them is charged to none. */
const before = 200;

/**
 * One server in a fresh process, once: the memory that watchers cost it to whom nothing is sent.
 *
 * @param {string} name
 * @param {{ watchers: number }} scenario
 */
export async function measureIdle(name, { watchers }) {
  const server = new Child(new URL('server.js', import.meta.url), name);
  const client = new Child(new URL('../fan-out/client.js', import.meta.url), `the client of ${name}`);
  try {
    const address = await server.call('start', { name });
    await client.call('connect', { ...address, watchers: Math.min(before, watchers) });
    await server.call('watched', { watchers: Math.min(before, watchers) });
    await client.call('disconnect');
    await server.call('watched', { watchers: 0 });
    const empty = await server.call('memory');

    await client.call('connect', { ...address, watchers });
    await server.call('watched', { watchers });
    const full = await server.call('memory');
    await server.call('watched', { watchers });
    return {
      connections: watchers,
      heldPerWatcher: (full.held - empty.held) / watchers,
      residentPerWatcher: (full.resident - empty.resident) / watchers,
    };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}
