import sse from '@fastify/sse';
import fastify from 'fastify';
import { TYPE } from '../event.js';

/**
 * Fastify's own plugin, without Nest. It has no channels: whoever sends to many goes through them.
 *
 * @type {import('../contender.js').Start}
 */
export async function start(topics) {
  /** @type {Map<string, Set<import('@fastify/sse').SSEContext>>} */
  const watchers = new Map(topics.map((topic) => [topic, new Set()]));
  const app = fastify();
  await app.register(sse);
  app.get('/:topic', { sse: 'only' }, async (request, reply) => {
    reply.sse.keepAlive();
    await reply.sse.send({ data: 'connected' });
    watchers.get(request.params.topic)?.add(reply.sse);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    server: app.server,
    paths: topics.map((topic) => `/${topic}`),
    watching: () => [...watchers.values()].reduce((sum, { size }) => sum + size, 0),
    publish(topic, events) {
      for (const { id, data } of events)
        for (const watcher of watchers.get(topic) ?? []) void watcher.send({ id, event: TYPE, data });
    },
  };
}
