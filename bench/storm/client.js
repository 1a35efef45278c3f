/** The process of all clients: they come at once, in waves, and wait for what they missed or for the end. */
import { markersIn } from '../fan-out/markers.js';
import { monotonic } from '../support/monotonic.js';
import { serve } from '../support/serve.js';
import { inWaves, openWatcher } from '../support/watchers.js';

/** The last chunk of an answer. */
const lastChunk = '0\r\n\r\n';
/** The id of the first event of a log. */
const firstId = /\nid: ([a-z0-9]+-1)\n/;

/** @type {import('node:net').Socket[]} */
let open = [];
let ended = 0;
let endedAt = 0;
let allEnded = () => {};

serve({
  /**
   * Opens so many streams, and waits until each has got so many events that it missed.
   *
   * @param {{ port: number, paths: readonly string[], watchers: number, events?: number }} params
   */
  async connect({ port, paths: [path = ''], watchers, events = 0 }) {
    const headers = events > 0 ? [`Last-Event-ID: ${await firstIdAt(port, path)}`] : [];
    ended = 0;
    open = [];
    await inWaves(watchers, async () => {
      let missed = events;
      let whole = () => {};
      /** @type {Promise<void>} */
      const replayed = new Promise((resolve) => {
        whole = resolve;
      });
      const onBytes = (/** @type {Buffer} */ bytes, /** @type {number} */ length) => {
        if (bytes.latin1Slice(Math.max(0, length - lastChunk.length), length) === lastChunk) tellEnd();
        if (missed > 0) missed -= markersIn(bytes, length);
        if (missed <= 0) whole();
      };
      open.push(await openWatcher({ port, path, headers }, { onBytes, onClose() {} }));
      await replayed;
    });
  },

  /** @returns {Promise<number>} when the last one had its end, in microseconds of the clock that all processes share */
  async ended() {
    if (ended < open.length) {
      await new Promise((resolve) => {
        allEnded = () => resolve(undefined);
      });
    }
    return endedAt;
  },

  disconnect() {
    for (const socket of open) socket.destroy();
  },
});

function tellEnd() {
  endedAt = monotonic();
  if (++ended === open.length) allEnded();
}

/**
 * @param {number} port
 * @param {string} path
 * @returns {Promise<string>}
 */
async function firstIdAt(port, path) {
  let text = '';
  /** @type {(id: string) => void} */
  let tell = () => {};
  /** @type {Promise<string>} */
  const found = new Promise((resolve) => {
    tell = resolve;
  });
  const onBytes = (/** @type {Buffer} */ bytes, /** @type {number} */ length) => {
    text += bytes.latin1Slice(0, length);
    const id = firstId.exec(text)?.[1];
    if (id !== undefined) tell(id);
  };
  const socket = await openWatcher({ port, path }, { onBytes, onClose() {} });
  const id = await found;
  socket.destroy();
  return id;
}
