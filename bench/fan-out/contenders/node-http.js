import { createServer } from 'node:http';
import { TYPE } from '../event.js';

/**
 * Bare Node: no framework behind the first byte. All events of a tick are one chunk of HTTP/1.1, framed once, and each
 * socket gets it in one write.
 */
export const oneWrite = nodeHttp(
  (response) => response.socket,
  (frames) => {
    const body = frames.join('');
    return [Buffer.from(`${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`)];
  },
);

/** What a careful hand writes: each event is encoded once, and each response writes the same Buffer. */
export const sharedWrite = nodeHttp(
  (response) => response,
  (frames) => frames.map((frame) => Buffer.from(frame)),
);

/**
 * @param {(response: import('node:http').ServerResponse) => import('node:stream').Writable | null} sinkOf
 * @param {(frames: readonly string[]) => readonly Buffer[]} encode
 * @returns {import('../contender.js').Start}
 */
function nodeHttp(sinkOf, encode) {
  return async (topics) => {
    /** @type {Map<string, Set<import('node:stream').Writable>>} */
    const watchers = new Map(topics.map((topic) => [`/${topic}`, new Set()]));
    let watching = 0;
    const server = createServer((request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
      response.flushHeaders();
      const sink = sinkOf(response);
      const sinks = watchers.get(request.url ?? '');
      if (sink) sinks?.add(sink);
      watching++;
      response.on('close', () => {
        if (sink) sinks?.delete(sink);
        watching--;
      });
    });
    await new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve(undefined));
    });
    return {
      server,
      paths: [...watchers.keys()],
      watching: () => watching,
      publish(topic, events) {
        const chunks = encode(
          events.map(({ id, data }) => `event: ${TYPE}\ndata: ${JSON.stringify(data)}\nid: ${id}\n\n`),
        );
        for (const sink of watchers.get(`/${topic}`) ?? []) for (const chunk of chunks) sink.write(chunk);
      },
      end() {
        for (const sinks of watchers.values()) for (const sink of sinks) sink.end();
      },
    };
  };
}
