/** Plain sockets that watch. Nothing is parsed: whoever opens one looks at the bytes that come. */
import { connect } from 'node:net';

/** So many connections are opened at once: more than a server's backlog would be refused or delayed. */
const wave = 100;
const answer = 'HTTP/1.1 200';
/** All sockets read into one buffer: it is looked through before the next one reads. The last byte is never read into. */
const buffer = Buffer.alloc(256 * 1024 + 1);
const readInto = buffer.subarray(0, -1);

/**
 * What a contender's clients ask for beside the stream itself.
 *
 * @typedef {object} Ask
 * @property {boolean} [http2] without TLS
 * @property {readonly string[]} [headers]
 */

/**
 * @typedef {object} Handlers
 * @property {(bytes: Buffer, length: number) => void} onBytes what has come begins the Buffer and is gone when this
 *   returns; where the Buffer goes on, one byte may be written behind it
 * @property {() => void} onClose
 */

/**
 * @param {number} count
 * @param {(index: number) => Promise<unknown>} open
 */
export async function inWaves(count, open) {
  for (let from = 0; from < count; from += wave) {
    const length = Math.min(wave, count - from);
    await Promise.all(Array.from({ length }, (_, index) => open(from + index)));
  }
}

/**
 * Resolves when the answer has begun.
 *
 * @param {{ port: number, path: string, headers?: readonly string[] }} request
 * @param {Handlers} handlers
 * @returns {Promise<import('node:net').Socket>}
 */
export function openWatcher({ port, path, headers = [] }, { onBytes, onClose }) {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Accept: text/event-stream',
    ...headers,
    '\r\n',
  ];
  return new Promise((resolve, reject) => {
    let answered = false;
    const socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: readInto,
        callback(length) {
          if (!answered) {
            answered = true;
            const head = buffer.latin1Slice(0, Math.min(length, 1_000));
            if (!head.startsWith(answer)) reject(new Error(`GET ${path} was answered with\n${head}`));
            else if (/^content-encoding:/im.test(head))
              reject(new Error(`GET ${path} was answered compressed: its events cannot be counted`));
            else resolve(socket);
          }
          onBytes(buffer, length);
          return true;
        },
      },
    });
    socket.on('connect', () => socket.write(lines.join('\r\n')));
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error(`GET ${path} was not answered`));
      onClose();
    });
  });
}
