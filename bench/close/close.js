import { Child } from '../support/child.js';

/**
 * One application in a fresh process, once: from the call of `app.close()` until it has closed and every client has got
 * the terminal event and the end.
 *
 * @param {string} name
 * @param {{ tasks: number, watchers: number }} scenario so many watchers of each task
 */
export async function measureClose(name, { tasks, watchers }) {
  const server = new Child(new URL('server.js', import.meta.url), name);
  const client = new Child(new URL('client.js', import.meta.url), `the client of ${name}`);
  try {
    const address = await server.call('start', { name, tasks });
    await client.call('connect', { ...address, watchers });
    await server.call('watched', { watchers: tasks * watchers });
    const [{ begun, closed }, { whole, endedAt }] = await Promise.all([
      server.call('close'),
      client.call('ended'),
    ]);
    const connections = tasks * watchers;
    if (whole !== connections)
      throw new Error(`${name}: ${whole} of ${connections} streams ended with the terminal event`);
    const since = (/** @type {number} */ time) => (time - begun) / 1_000;
    return {
      connections,
      whole,
      wallTime: since(Math.max(closed, endedAt)),
      closedAfter: since(closed),
      endedAfter: since(endedAt),
    };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}
