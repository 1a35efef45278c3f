import { Server } from 'node:http';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

/**
 * Where the events of a server go: each watcher's socket, or its stream over HTTP/2.
 *
 * @typedef {object} Sink
 * @property {{ readonly writableLength: number, readonly destroyed: boolean }} queue
 * @property {() => number} written rises with everything that is written
 * @property {number} seen what `written` was when the last events had been written
 */

/** The sinks of one server, from the first connection on. */
export class Sinks {
  /**
   * @readonly
   * @type {Sink[]}
   */
  #sinks = [];

  /** @param {import('node:net').Server} server */
  constructor(server) {
    if (server instanceof Server) {
      server.on('connection', (socket) => {
        this.#sinks.push({ queue: socket, written: () => socket.bytesWritten, seen: 0 });
      });
      return;
    }
    // Over HTTP/2 a session takes the socket's handle: what is written then passes the socket by.
    server.on('stream', (/** @type {import('node:http2').ServerHttp2Stream} */ stream) => {
      let writes = 0;
      const write = stream.write.bind(stream);
      Object.assign(stream, {
        write: (/** @type {Parameters<typeof write>} */ ...args) => {
          writes++;
          return write(...args);
        },
      });
      this.#sinks.push({ queue: stream, written: () => writes, seen: 0 });
    });
  }

  /** What has been written so far counts as no event. */
  markAll() {
    for (const sink of this.#sinks) sink.seen = sink.written();
  }

  /**
   * Waits until every sink has been written to since the last time, and has nothing queued. So no server can make one
   * write of the events of two ticks, as those would that write to some in a later turn. It goes on where it stood and
   * never looks back, as nobody sends meanwhile: what the waiting costs must not count for much.
   */
  async taken() {
    for (const sink of this.#sinks) {
      const { queue } = sink;
      let written = sink.written();
      for (; written === sink.seen && !queue.destroyed; written = sink.written()) await nextTurn();
      sink.seen = written;
      while (queue.writableLength > 0 && !queue.destroyed) await delay(1);
    }
  }

  /** How many have something queued that the system has not taken. */
  get blocked() {
    return this.#sinks.filter(({ queue }) => queue.writableLength > 0).length;
  }
}
