import { createServer } from 'node:http';
import { TYPE } from '../event.js';

/**
 * The limit: no framework behind the first byte. All events of a tick are one chunk of HTTP/1.1, framed once, and each
 * socket gets it in one write.
 *
 * @type {import('../server.js').Start}
 */
export async function start(topics) {
  /** @type {Map<string, Set<import('node:net').Socket>>} */
  const watchers = new Map(topics.map((topic) => [`/${topic}`, new Set()]));
  let watching = 0;
  const server = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    response.flushHeaders();
    watchers.get(request.url ?? '')?.add(request.socket);
    watching++;
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(undefined));
  });
  return {
    server,
    paths: [...watchers.keys()],
    watching: () => watching,
    publish(topic, events) {
      const frames = events.map(
        ({ id, data }) => `event: ${TYPE}\ndata: ${JSON.stringify(data)}\nid: ${id}\n\n`,
      );
      const body = frames.join('');
      const chunk = Buffer.from(`${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`);
      for (const socket of watchers.get(`/${topic}`) ?? []) socket.write(chunk);
    },
  };
}
