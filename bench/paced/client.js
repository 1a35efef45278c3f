/** The process of all watchers: reads from each event when it was sent, and notes how long ago that is. */
import { Tally } from '../fan-out/tally.js';
import { monotonic } from '../support/monotonic.js';
import { serve } from '../support/serve.js';
import { quantiles } from '../report/statistics.js';
import { inWaves, openWatcher } from '../support/watchers.js';
import { StampReader } from './stamp.js';

let tally = new Tally(0);
let latencies = new Float64Array();
let noted = 0;

serve({
  /** @param {{ port: number, paths: readonly string[], watchers: number }} params */
  async connect({ port, paths: [path], watchers }) {
    const counting = new Tally(watchers);
    tally = counting;
    await inWaves(watchers, (index) => {
      const stamps = new StampReader();
      const onBytes = (/** @type {Buffer} */ bytes, /** @type {number} */ length) => {
        const now = monotonic();
        const events = stamps.read(bytes.subarray(0, length), (stamp) => note(now - stamp));
        if (events > 0) counting.add(index, events);
      };
      return openWatcher({ port, path }, { onBytes, onClose: () => counting.lose(index) });
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
