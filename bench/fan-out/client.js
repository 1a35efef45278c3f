/** The process of all watchers: nothing is parsed. It counts markers in what comes. */
import { openHttp2Watcher } from '../support/http2-watcher.js';
import { serve } from '../support/serve.js';
import { inWaves, openWatcher } from '../support/watchers.js';
import { markersIn } from './markers.js';
import { openReceipts } from './receipts.js';
import { Tally } from './tally.js';

let tally = new Tally(0);
/** @type {{ destroy: () => void }[]} */
let open = [];

serve({
  /**
   * @param {{
   *   port: number, paths: readonly string[], watchers: number, ask?: import('../support/watchers.js').Ask,
   *   receipts?: number, burst?: number
   * }} params so many watchers for each path; where receipts go to, if anywhere, for each so many events of each
   */
  async connect({ port, paths, watchers, ask: { http2 = false, headers = [] } = {}, receipts, burst = 1 }) {
    const counting = new Tally(paths.length * watchers);
    if (receipts !== undefined) counting.tellEach(burst, await openReceipts(receipts));
    tally = counting;
    open = [];
    await inWaves(paths.length * watchers, async (index) => {
      const path = paths[Math.floor(index / watchers)];
      const handlers = {
        onBytes: (/** @type {Buffer} */ bytes, /** @type {number} */ length) =>
          counting.add(index, markersIn(bytes, length)),
        onClose: () => counting.lose(index),
      };
      open.push(
        http2
          ? await openHttp2Watcher({ port, path }, handlers)
          : await openWatcher({ port, path, headers }, handlers),
      );
    });
  },

  /**
   * Waits until every connection has got so many events, and not one more.
   *
   * @param {{ each: number }} params
   */
  received: ({ each }) => tally.reaches(each),

  disconnect() {
    for (const connection of open) connection.destroy();
  },
});
