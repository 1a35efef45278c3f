import { createServer } from 'node:http';
import { createChannel, createSession } from 'better-sse';
import { TYPE } from '../event.js';

/** @type {import('../contender.js').Start} */
export async function start(topics) {
  const channels = new Map(topics.map((topic) => [`/${topic}`, createChannel()]));
  const server = createServer((request, response) => {
    void createSession(request, response).then((session) =>
      channels.get(request.url ?? '')?.register(session),
    );
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(undefined));
  });
  return {
    server,
    paths: [...channels.keys()],
    watching: () => [...channels.values()].reduce((sum, { sessionCount }) => sum + sessionCount, 0),
    publish(topic, events) {
      const channel = channels.get(`/${topic}`);
      for (const { id, data } of events) channel?.broadcast(data, TYPE, { eventId: id });
    },
  };
}
