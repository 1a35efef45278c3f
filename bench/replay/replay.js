import { Child } from '../support/child.js';

/** @type {Record<string, import('../support/platform.js').Platform>} */
export const contenders = {
  'nestjs-streaming': { adapter: 'express' },
  'nestjs-streaming-fastify': { adapter: 'fastify' },
};

/**
 * One server in a fresh process, once: a log is read whole by a client that is slower than the server.
 *
 * The log keeps all of it, so it is no part of what is measured: a first reader has every event encoded, then what the
 * process holds is taken, and then how much more it holds, garbage left out, while the slow reader reads.
 *
 * @param {string} name
 * @param {{ events: number, eventBytes: number, rate: number }} scenario `rate`: what the reader takes, in bytes per second
 */
export async function measureReplay(name, { events, eventBytes, rate }) {
  const server = new Child(new URL('server.js', import.meta.url), name);
  const client = new Child(new URL('client.js', import.meta.url), `the client of ${name}`);
  try {
    const address = await server.call('start', { platform: contenders[name], events, eventBytes });
    await client.call('read', { ...address, events, eventBytes });
    await server.call('unwatched');
    await server.call('look');
    const read = await client.call('read', { ...address, events, eventBytes, rate });
    const { held, waitingShare } = await server.call('seen');
    return {
      events,
      eventsPerConnection: read.events,
      received: read.received,
      held,
      waitingShare,
      bytesPerSecond: read.received / read.seconds,
    };
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}
