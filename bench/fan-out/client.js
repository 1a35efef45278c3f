/** The process of all watchers: plain sockets, and nothing is parsed. It counts markers in what comes. */
import { connect } from 'node:net';
import { serve } from '../support/serve.js';
import { MARKER } from './event.js';

/** So many connections are opened at once: more than a server's backlog would be refused or delayed. */
const wave = 100;

/** How long the last events may take to arrive, in milliseconds. */
const arrivalTimeout = 20_000;

const marker = MARKER.charCodeAt(0);
const answer = 'HTTP/1.1 200';
/** All sockets read into one buffer: it is looked through before the next one reads. The last byte is never read into. */
const buffer = Buffer.alloc(256 * 1024 + 1);
const readInto = buffer.subarray(0, -1);

/** How many events each connection has got. */
let counts = new Uint32Array();
let total = 0;
let expected = Infinity;
/** @type {{ resolve: () => void, reject: (error: Error) => void } | undefined} */
let waiting;
/** @type {Error | undefined} */
let fault;

serve({
  /**
   * @param {{ port: number, paths: readonly string[], watchers: number }} params so many watchers for each path
   */
  async connect({ port, paths, watchers }) {
    const all = paths.flatMap((path) => Array.from({ length: watchers }, () => path));
    counts = new Uint32Array(all.length);
    for (let from = 0; from < all.length; from += wave) {
      await Promise.all(all.slice(from, from + wave).map((path, index) => watch(port, path, from + index)));
    }
  },

  /**
   * Waits until every connection has got so many events, and not one more.
   *
   * @param {{ each: number }} params
   */
  async received({ each }) {
    expected = each * counts.length;
    if (fault) throw fault;
    if (total < expected) {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`Within ${arrivalTimeout} ms only ${total} of ${expected} events have come`));
        }, arrivalTimeout);
        waiting = {
          resolve: () => {
            clearTimeout(timer);
            resolve(undefined);
          },
          reject,
        };
      });
    }
    expected = Infinity;
    const wrong = counts.findIndex((got) => got !== each);
    if (wrong >= 0) throw new Error(`Watcher ${wrong} has got ${counts[wrong]} events instead of ${each}`);
    return total;
  },
});

/**
 * Resolves when the answer has begun.
 *
 * @param {number} port
 * @param {string} path
 * @param {number} index
 */
async function watch(port, path, index) {
  await new Promise((resolve, reject) => {
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
            if (head.startsWith(answer)) resolve(undefined);
            else reject(new Error(`GET ${path} was answered with\n${head}`));
          }
          count(index, length);
          return true;
        },
      },
    });
    socket.on('connect', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      fault = new Error(`Watcher ${index} was disconnected after ${counts[index]} events`);
      reject(fault);
      waiting?.reject(fault);
    });
  });
}

/**
 * @param {number} index
 * @param {number} length
 */
function count(index, length) {
  // A search knows no end but that of the buffer: it shall not go through what an earlier, longer read left behind.
  buffer[length] = marker;
  let events = 0;
  for (let at = buffer.indexOf(marker); at < length; at = buffer.indexOf(marker, at + 1)) events++;
  counts[index] += events;
  total += events;
  if (total >= expected) waiting?.resolve();
}
