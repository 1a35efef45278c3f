/** The process of all watchers: reads from each event when it was sent, and notes how long ago that is. */
import { MARKER } from '../fan-out/event.js';
import { Tally } from '../fan-out/tally.js';
import { monotonic } from '../support/monotonic.js';
import { serve } from '../support/serve.js';
import { quantiles } from '../support/statistics.js';
import { inWaves, openWatcher } from '../support/watchers.js';
import { readStamp, stampLength } from './stamp.js';

const marker = MARKER.charCodeAt(0);

let tally = new Tally(0);
let latencies = new Float64Array();
let noted = 0;

serve({
  /** @param {{ port: number, paths: readonly string[], watchers: number }} params */
  async connect({ port, paths: [path], watchers }) {
    const counting = new Tally(watchers);
    tally = counting;
    await inWaves(watchers, (index) => {
      /** Of an event that came in two pieces, what came first, from the marker on. */
      let begun = Buffer.alloc(0);
      return openWatcher(
        { port, path },
        {
          onBytes(bytes, length) {
            const now = monotonic();
            const piece = bytes.subarray(0, length);
            const read = begun.length > 0 ? Buffer.concat([begun, piece]) : piece;
            begun = Buffer.alloc(0);
            let events = 0;
            for (let at = read.indexOf(marker); at >= 0; at = read.indexOf(marker, at + 1)) {
              if (at + 1 + stampLength > read.length) begun = Buffer.from(read.subarray(at));
              else {
                note(now - readStamp(read, at + 1));
                events++;
              }
            }
            if (events > 0) counting.add(index, events);
          },
          onClose: () => counting.lose(index),
        },
      );
    });
  },

  /**
   * Opens streams that are never read: their sockets stop at the beginning of the answer.
   *
   * @param {{ port: number, paths: readonly string[], watchers: number }} params
   */
  async stall({ port, paths: [path], watchers }) {
    await inWaves(watchers, async () => {
      const socket = await openWatcher({ port, path }, { onBytes: () => {}, onClose: () => {} });
      socket.pause();
    });
  },

  /**
   * Forgets what was noted so far, and makes room for what comes.
   *
   * @param {{ events: number }} params
   */
  expect({ events }) {
    latencies = new Float64Array(events);
    noted = 0;
  },

  /**
   * Waits until every watcher that reads has got so many events, and not one more.
   *
   * @param {{ each: number }} params
   */
  received: ({ each }) => tally.reaches(each),

  /** In milliseconds. */
  latencies: () => quantiles(latencies.subarray(0, noted).map((latency) => latency / 1_000)),
});

/** @param {number} latency */
function note(latency) {
  if (noted < latencies.length) latencies[noted++] = latency;
}
