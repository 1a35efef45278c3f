import { monotonic } from '../support/monotonic.js';

/**
 * What the handler of a streaming task does: it sends its events in bursts, and waits for each burst to be taken.
 *
 * @param {import('./contenders/index.js').Input} input
 * @param {(event: import('./contenders/index.js').Event) => Promise<unknown>} send
 */
export async function sendBursts({ bursts = 1, burst = 1, text = '' }, send) {
  for (let sent = 0; sent < bursts; sent++) {
    await Promise.all(Array.from({ length: burst }, () => send({ sentAt: monotonic(), text })));
  }
}
