import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { setImmediate as turn } from 'node:timers/promises';
import { heapUsed, MiB } from '../cancellation/gc.js';
import { adapters, closeLater } from '../support/watching.js';
import { FuzzPeer } from './peer.js';
import { ambiguousFraming, rawInput, type RawInput } from './raw-inputs.js';
import { tasks } from './requests.js';
import { Target } from './target.js';

/** How many connections are at it at once. */
const together = 8;

/**
 * All heads of answers in what was received. No body of ours can hold one: JSON and frames write no CR, and HTML, which
 * could, is refused below.
 */
function headsOf(received: string): { status: number; head: string }[] {
  return [...received.matchAll(/HTTP\/1\.1 ([0-9]{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)(?:\r\n|$)/g)].map(
    ([, status, head = '']) => ({ status: Number(status), head: head.toLowerCase() }),
  );
}

describe.each(adapters)('connections of every kind (%s)', (adapter) => {
  it('A20 A35 A47 broken HTTP brings no 5xx, no HTML and no foreign header, and leaves nothing behind', async () => {
    const target = await Target.create(adapter);
    let connected = 0;
    const statuses = new Set<number>();
    const open = new Set<FuzzPeer>();
    closeLater(() => Promise.all([...open].map((peer) => peer.close())));

    async function connect({ pieces, pauses, leaves }: RawInput): Promise<void> {
      const peer = await FuzzPeer.connect(target.app.port);
      open.add(peer);
      connected++;
      for (const bytes of pieces) {
        peer.send(bytes);
        if (pauses) await turn();
      }
      if (leaves === 'half') peer.socket.end();
      // Behind a body that nobody reads Node does not see that: its stream goes on, as long as it is read.
      if (leaves === 'half' || leaves === 'listen') for (let n = 0; n < 5; n++) await turn();
      await peer.close(leaves === 'reset' ? 'reset' : 'destroy');
      open.delete(peer);
      for (const { status, head } of headsOf(peer.text)) {
        statuses.add(status);
        expect([status >= 500 && status !== 503, head.includes('x-injected'), head.includes('html')]).toEqual(
          [false, false, false],
        );
      }
    }

    async function run(count: number): Promise<void> {
      await fc.assert(
        fc.asyncProperty(fc.array(rawInput, { minLength: together, maxLength: together }), async (inputs) => {
          await Promise.all(inputs.map(connect));
          await target.restore();
        }),
        { numRuns: count, plugins: [fc.interruptAfterTimeLimit(90_000, { failOnInterrupt: true })] },
      );
    }

    await run(20);
    const before = await heapUsed();
    connected = 0;
    await run(400);
    await target.checkLeftovers();
    expect((await heapUsed()) - before).toBeLessThan(8 * MiB);
    expect(connected).toBe(400 * together);
  }, 150_000);

  it.each(ambiguousFraming)('A47 no request is smuggled in the body of one with %j', async (framing) => {
    const target = await Target.create(adapter);
    const hidden = `PUT /stream/${tasks.app}/plain/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;
    for (const body of [`0\r\n\r\n${hidden}`, `4\r\n{} \n\r\n0\r\n\r\n${hidden}`, `{}  ${hidden}`]) {
      const peer = await FuzzPeer.connect(target.app.port);
      closeLater(() => peer.close());
      const head = ['Host: x', 'Content-Type: application/json', framing].join('\r\n');
      peer.send(Buffer.from(`POST /stream/${tasks.app}/plain HTTP/1.1\r\n${head}\r\n\r\n${body}`, 'latin1'));
      await peer.ended();
      expect(headsOf(peer.text).map(({ status }) => status)).toEqual([400]);
    }
    expect(
      await target.app.coordinator.get({ app: tasks.app, name: 'plain', id: 'smuggled' }),
    ).toBeUndefined();
  });
});
