import { describe, expect, it } from '@jest/globals';
import { heldAuthorizer } from '../../../support/app/held-authorizer.js';
import { call } from '../../../support/clients/http-client.js';
import { responsesOf } from '../../../support/server-side.js';
import { eventually } from '../../../support/wait.js';
import {
  adapters,
  connectRaw,
  createTaskApp,
  expectWatchers,
  PuppetTask,
  watch,
} from '../../../support/watching.js';

/** Responses that are ended by somebody else: a middleware with a timeout, a filter, the server's own code. */
describe.each(adapters)('responses that others end (%s)', (adapter) => {
  it('nothing is written behind the end of the response, and its watcher is gone', async () => {
    const task = new PuppetTask({ replay: { bytes: 20_000_000 } });
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const responses = responsesOf(app);
    const puppet = await task.start(app);
    const peer = await connectRaw(app.port);
    peer.request('GET', new URL(puppet.url).pathname);
    await peer.until('started');
    peer.pause();
    for (let n = 0; n < 60; n++) puppet.send('big', 'x'.repeat(100_000));
    await eventually(() => responses[0]!.writableLength > 0);
    responses[0]!.end();
    for (let n = 0; n < 5; n++) puppet.send('big', 'y'.repeat(100_000));
    peer.resume();
    await expectWatchers(puppet, 0);
    await peer.until('0\r\n\r\n');
    // Another request on the same connection gets its own answer, and nothing stands in front of it.
    peer.request('GET', `${new URL(puppet.url).pathname}/status`);
    await peer.until((received) => received.includes('"status":"running"'));
    expect(peer.received.split('0\r\n\r\n')[1]).toMatch(/^HTTP\/1\.1 200/);
    await puppet.end();
  });

  it('a place is not kept for a request that was answered while it was decided', async () => {
    const authorizer = heldAuthorizer();
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { authorize: authorizer.type, http: { maxStreams: 2 } },
    });
    const responses = responsesOf(app);
    const puppet = await task.start(app);
    const peers = await Promise.all([connectRaw(app.port), connectRaw(app.port)]);
    for (const peer of peers) peer.request('GET', new URL(puppet.url).pathname);
    await eventually(() => responses.length === 2);
    for (const response of responses) {
      response.writeHead(503, { 'Content-Length': 0 });
      response.end();
    }
    await Promise.all(peers.map((peer) => peer.until('503')));
    authorizer.letIn();
    const stream = await watch(puppet.url);
    await stream.next('started');
    expect((await puppet.handle.snapshot()).watchers).toBe(1);
    await puppet.end();
    await stream.ended;
  });

  it('a request target in absolute form gives a Location without its host, whatever that is', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { start: true } } });
    const peer = await connectRaw(app.port);
    peer.write(
      `PUT http://localhost:${app.port}/stream/test/${task.name}/one HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
    );
    await peer.until('HTTP/1.1 201');
    expect(peer.received).toMatch(new RegExp(`location: /stream/test/${task.name}/one\r\n`, 'i'));
    expect((await call('DELETE', `${app.url}/test/${task.name}/one`)).status).toBe(202);
  });
});
