/** The process of one reader, who takes no more in a second than it wants to, and looks at every byte. */
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { serve } from '../support/serve.js';
import { ExpectedEvents } from './replayed.js';

/** How the stream begins, up to the id of `started`. */
const beginning = /\nevent: started\ndata: [^\n]*\nid: ([a-z0-9]+)-1\n\n/;

serve({
  /**
   * Reads so many events, at so many bytes per second or as fast as it can, and leaves.
   *
   * @param {{ port: number, path: string, events: number, eventBytes: number, rate?: number }} params
   */
  async read({ port, path, events, eventBytes, rate = Infinity }) {
    const request = get({ port, path, host: '127.0.0.1', headers: { Accept: 'text/event-stream' } });
    const response = await new Promise((resolve, reject) => {
      request.on('response', resolve);
      request.on('error', reject);
    });
    const begin = performance.now();
    let received = 0;
    let head = '';
    /** @type {ExpectedEvents | undefined} */
    let expected;
    for await (const /** @type {Buffer} */ bytes of response) {
      received += bytes.length;
      if (expected) expected.take(bytes);
      else {
        head += bytes.toString('latin1');
        const found = beginning.exec(head);
        if (found) {
          expected = new ExpectedEvents(found[1] ?? '', eventBytes);
          expected.take(Buffer.from(head.slice(found.index + found[0].length), 'latin1'));
        }
      }
      if (expected?.whole === events) break;
      // Not reading further is what pauses the socket.
      const early = (received / rate) * 1_000 - (performance.now() - begin);
      if (early >= 1) await delay(early);
    }
    request.destroy();
    return { received, events: expected?.whole ?? 0, seconds: (performance.now() - begin) / 1_000 };
  },
});
