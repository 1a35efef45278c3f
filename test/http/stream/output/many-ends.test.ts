import { describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import type { RawSocket } from '../../../support/clients/raw-socket.js';
import { responsesOf } from '../../../support/server-side.js';
import { eventually } from '../../../support/wait.js';
import {
  adapters,
  connectRaw,
  createTaskApp,
  expectWatchers,
  type Puppet,
  PuppetTask,
  type TaskApp,
} from '../../../support/watching.js';

const lastChunk = '\r\n0\r\n\r\n';
/** More than are ended in one turn of the event loop. */
const many = 250;

/** The last bytes of all go out first, and then Node is told of it. */
describe.each(adapters)('the end of many streams at once (%s)', (adapter) => {
  async function open(count: number): Promise<{
    app: TaskApp;
    puppet: Puppet;
    path: string;
    responses: ServerResponse[];
    peers: RawSocket[];
  }> {
    const task = new PuppetTask({ maxEventBytes: 20_000_000, replay: { bytes: 40_000_000 } });
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const responses = responsesOf(app);
    const puppet = await task.start(app);
    const path = new URL(puppet.url).pathname;
    const peers: RawSocket[] = [];
    for (let n = 0; n < count; n++) {
      const peer = await connectRaw(app.port);
      peer.request('GET', path);
      await peer.until('event: started');
      peers.push(peer);
    }
    return { app, puppet, path, responses, peers };
  }

  it('each has it once, also if other code ends the response meanwhile, and takes another request', async () => {
    const { puppet, path, responses, peers } = await open(many);
    const last = responses.at(-1)!;
    let seen: unknown;
    responses[0]!.once('finish', () => {
      seen = last.writableEnded;
      last.end();
    });
    await puppet.end();
    for (const peer of peers) {
      await peer.until(lastChunk);
      peer.request('GET', `${path}/status`);
    }
    await eventually(() => expect(seen).toBe(true));
    for (const peer of peers) {
      await peer.until('"status":"completed"');
      const [stream, answer] = peer.received.split(lastChunk);
      expect(stream?.match(/event: completed/g)).toHaveLength(1);
      expect(answer).toMatch(/^HTTP\/1\.1 200/);
    }
    await expectWatchers(puppet, 0);
  });

  it.each(['fin', 'reset'] as const)(
    'a request whose client leaves when it has the end was not aborted (%s)',
    async (how) => {
      const { puppet, responses, peers } = await open(many);
      const aborted: string[] = [];
      const finished = new Set<ServerResponse>();
      const closed: boolean[] = [];
      for (const response of responses) {
        response.req.once('aborted', () => aborted.push('aborted'));
        response.once('finish', () => finished.add(response));
        response.once('close', () => closed.push(response.writableEnded));
      }
      const leaving = peers.map(async (peer) => {
        await peer.until(lastChunk);
        await peer.close(how);
      });
      await puppet.end();
      await Promise.all(leaving);
      await eventually(() => expect(closed).toHaveLength(many));
      expect(closed).not.toContain(false);
      expect(aborted).toEqual([]);
      // A reset closes the socket at once: what Node has not ended by then closes without that.
      if (how === 'fin') expect(finished.size).toBe(many);
      await expectWatchers(puppet, 0);
    },
  );

  it('trailers, and what a middleware writes at the end, are in it', async () => {
    const { puppet, responses, peers } = await open(3);
    const [trailing, patched] = responses as [ServerResponse, ServerResponse];
    trailing.addTrailers({ 'X-Sum': '1' });
    const end = patched.end.bind(patched) as () => ServerResponse;
    patched.end = () => {
      patched.write(': bye\n\n');
      return end();
    };
    await puppet.end();
    await peers[0]!.until('\r\n0\r\nX-Sum: 1\r\n\r\n');
    for (const peer of peers.slice(1)) await peer.until(lastChunk);
    for (const peer of peers) expect(peer.body).toMatch(/event: completed\n/);
    expect(peers[1]!.body).toMatch(/: bye\n\n$/);
    expect(peers[2]!.body).not.toContain('bye');
  });

  it('a client that does not read has it once it does, and holds its response open until then', async () => {
    const { puppet, responses, peers } = await open(2);
    const [slow] = peers as [RawSocket];
    slow.pause();
    const finished: number[] = [];
    for (const [index, response] of responses.entries()) response.once('finish', () => finished.push(index));
    // The last event is more than the socket takes at once.
    await puppet.end('x'.repeat(16_000_000));
    const isWhole = (received: string): boolean =>
      received.length > 16_000_000 && received.endsWith(lastChunk);
    await peers[1]!.until(isWhole);
    await eventually(() => expect(finished).toEqual([1]));
    expect(responses[0]!.writableFinished).toBe(false);
    slow.resume();
    await slow.until(isWhole);
    await eventually(() => expect(finished).toEqual([1, 0]));
    expect(slow.body.match(/event: completed/g)).toHaveLength(1);
  });
});
