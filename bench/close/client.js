/** The process of all watchers: waits until each has got the terminal event, the end of the answer and that of the connection. */
import { monotonic } from '../support/monotonic.js';
import { serve } from '../support/serve.js';
import { inWaves, openWatcher } from '../support/watchers.js';

/** How long the ends may take to arrive, in milliseconds. */
const endTimeout = 20_000;
/** The terminal event, and behind it the last chunk of the answer. */
const wholeEnd = /\nevent: cancelled\ndata: \{[^\n]*"reason":"shutdown"[^\n]*\nid: [^\n]+\n\n\r\n0\r\n\r\n$/;

/** What each stream has got: little, as its task is quiet. @type {string[]} */
let texts = [];
let ended = 0;
let endedAt = 0;
let allEnded = () => {};
/** @type {Promise<void>} */
let end;

serve({
  /** @param {{ port: number, paths: readonly string[], watchers: number }} params so many watchers for each path */
  async connect({ port, paths, watchers }) {
    const streams = paths.length * watchers;
    texts = Array.from({ length: streams }, () => '');
    end = new Promise((resolve) => {
      allEnded = resolve;
    });
    await inWaves(streams, (index) =>
      openWatcher(
        { port, path: paths[Math.floor(index / watchers)] ?? '' },
        {
          onBytes(bytes, length) {
            texts[index] += bytes.latin1Slice(0, length);
          },
          onClose() {
            endedAt = monotonic();
            if (++ended === streams) allEnded();
          },
        },
      ),
    );
  },

  /** @returns {Promise<{ whole: number, endedAt: number }>} how many got the whole end, and when the last one was gone */
  async ended() {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(
        () =>
          reject(new Error(`Within ${endTimeout} ms only ${ended} of ${texts.length} streams have ended`)),
        endTimeout,
      );
    });
    await Promise.race([end, late]);
    clearTimeout(timer);
    return { whole: texts.filter((text) => wholeEnd.test(text)).length, endedAt };
  },
});
