import { describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { call } from '../../../support/clients/http-client.js';
import type { RawSocket } from '../../../support/clients/raw-socket.js';
import { responsesOf } from '../../../support/server-side.js';
import { closeBound, eventually } from '../../../support/wait.js';
import {
  adapters,
  connectRaw,
  createTaskApp,
  expectWatchers,
  type Puppet,
  PuppetTask,
  type TaskApp,
} from '../../../support/watching.js';

/**
 * Requests that a client sends before the answer to its last one: Node answers in order, so a stream holds up all
 * that is behind it. Neither may they hold up anything of ours.
 */
describe.each(adapters)('pipelined requests (%s)', (adapter) => {
  async function serve(http = {}): Promise<{ app: TaskApp; puppet: Puppet; responses: ServerResponse[] }> {
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { http: { heartbeat: 30, ...http } },
    });
    return { app, puppet: await task.start(app), responses: responsesOf(app) };
  }

  async function pipeline(app: TaskApp, puppet: Puppet, count: number): Promise<RawSocket> {
    const peer = await connectRaw(app.port);
    for (let n = 0; n < count; n++) peer.request('GET', new URL(puppet.url).pathname);
    await peer.until('started');
    await expectWatchers(puppet, count);
    return peer;
  }

  it('S34 a stream behind a stream gets all its events and its end', async () => {
    const { app, puppet } = await serve();
    const peer = await pipeline(app, puppet, 3);
    puppet.count(5);
    await puppet.end();
    await peer.until((received) => received.split('event: completed').length === 4);
    expect(peer.received.split('event: started')).toHaveLength(4);
    expect(peer.received.split('event: n\n')).toHaveLength(16);
  });

  it('A20 streams behind an answer that is no stream are told that their client is gone', async () => {
    const task = new PuppetTask();
    const stubborn = new PuppetTask({ stubborn: true });
    const app = await createTaskApp({ adapter, tasks: [task.type, stubborn.type] });
    const [puppet, slow] = [await task.start(app), await stubborn.start(app)];
    const peer = await connectRaw(app.port);
    // It is answered when that task ends, or after its time.
    peer.request('DELETE', `${new URL(slow.url).pathname}?wait=30000`);
    for (let n = 0; n < 2; n++) peer.request('GET', new URL(puppet.url).pathname);
    await expectWatchers(puppet, 2);
    await peer.close('reset');
    await expectWatchers(puppet, 0);
    await slow.end();
    // Neither holds a response that nobody will ever hear of up the close.
    await app.close();
  });

  it('S53 no heartbeat is written to a response that has ended and is not sent yet', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { heartbeat: 5 } } });
    const [long, short] = await Promise.all([task.start(app), task.start(app)]);
    const peer = await pipeline(app, long, 1);
    // This one's response is ended at once, and waits behind the one that goes on.
    await short.end();
    peer.request('GET', new URL(short.url).pathname);
    const beats = (): number => peer.body.split('\n:\n').length;
    await peer.until(() => beats() > 10);
    await long.end();
    await peer.until((received) => received.split('event: completed').length === 3);
  });

  it('A20 a client that dies with streams in the pipe leaves nothing of them', async () => {
    const { app, puppet } = await serve({ maxStreams: 5 });
    const peer = await pipeline(app, puppet, 5);
    expect((await call('GET', puppet.url)).body).toMatchObject({ code: 'TOO_MANY_STREAMS' });
    await peer.close('reset');
    await expectWatchers(puppet, 0);
    // Nor are their places taken.
    await eventually(async () => expect((await call('HEAD', puppet.url)).status).toBe(200));
    const again = await pipeline(app, puppet, 5);
    await again.close();
  });

  it('S53 A23 a peer behind whose requests Node stopped reading is found by the heartbeat', async () => {
    const { app, puppet, responses } = await serve();
    const peer = await connectRaw(app.port);
    const path = new URL(puppet.url).pathname;
    peer.request('GET', path);
    await peer.until('started');
    // Node looks at what waits to be sent whenever a request comes, and then stops reading.
    await eventually(() => {
      peer.request('GET', path);
      return responses[0]!.socket!.isPaused();
    });
    await peer.close('reset');
    await expectWatchers(puppet, 0);
    await puppet.end();
  });

  it('S56 a client that died with streams in the pipe does not hold up the close', async () => {
    const { app, puppet } = await serve();
    const peer = await pipeline(app, puppet, 3);
    await peer.close('reset');
    await expectWatchers(puppet, 0);
    const before = performance.now();
    await app.app.close();
    expect(performance.now() - before).toBeLessThan(closeBound);
  });

  it('S56 streams in the pipe do not hold up the close', async () => {
    const { app, puppet } = await serve();
    const peer = await pipeline(app, puppet, 3);
    const before = performance.now();
    await app.app.close();
    expect(performance.now() - before).toBeLessThan(closeBound);
    await peer.closed;
  });
});
