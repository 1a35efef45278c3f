import { describe, expect, it } from '@jest/globals';
import { constants, type Http2Server, type Http2ServerResponse } from 'node:http2';
import { runInThisContext } from 'node:vm';
import { Http2Client } from '../../../support/clients/http2-client.js';
import { readSlowly, Relay } from '../../../support/clients/relay.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { closeBound, eventually, patience } from '../../../support/wait.js';
import {
  createTaskApp,
  expectLive,
  expectNoHole,
  expectWatchers,
  PuppetTask,
  range,
  seqOf,
  type TaskApp,
} from '../../../support/watching.js';

const big = 'x'.repeat(200_000);
/** One event, one chunk, and what frames them. */
const bound = 1_000_000;

describe('HTTP/2 (fastify)', () => {
  async function serve(http: object = {}): Promise<[PuppetTask, TaskApp, Http2ServerResponse[]]> {
    const task = new PuppetTask({ replay: { bytes: 50_000_000 } });
    const app = await createTaskApp({ adapter: 'fastify-http2', tasks: [task.type], options: { http } });
    const responses: Http2ServerResponse[] = [];
    (app.app.getHttpServer() as Http2Server).on('request', (_request, response) => {
      responses.push(response);
    });
    return [task, app, responses];
  }

  /** A session whose windows let everything through: what may stall is its connection. */
  async function connectWide(app: TaskApp): Promise<[Http2Client, Relay]> {
    const relay = await Relay.open(app.port);
    const client = await Http2Client.connect(relay.origin, 2 ** 31 - 1);
    client.session.setLocalWindowSize(2 ** 31 - 1);
    return [client, relay];
  }

  async function closeInTime(app: TaskApp): Promise<void> {
    const before = performance.now();
    await app.app.close();
    expect(performance.now() - before).toBeLessThan(closeBound);
  }

  it('A46 no connection-specific header is sent, and events arrive one by one', async () => {
    const [task, app] = await serve({ heartbeat: 20 });
    const puppet = await task.start(app);
    const client = await Http2Client.connect(app.origin);
    const stream = await client.open(puppet.url);
    const status = await client.call('GET', `${puppet.url}/status`);
    for (const { headers } of [stream, status]) {
      for (const name of ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']) {
        expect(headers).not.toHaveProperty(name);
      }
    }
    expect(stream).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' } });
    await expectLive(puppet, stream);
    await puppet.end();
    await stream.next('completed');
    expect(await stream.closed()).toBe(constants.NGHTTP2_NO_ERROR);
    expectNoHole(stream.events);
  });

  it('A46 a stalled stream holds up no other of its session, and is given up alone', async () => {
    using clock = new StoppedClock();
    const stallTimeout = 30_000;
    const [task, app, responses] = await serve({ stallTimeout });
    const puppet = await task.start(app);
    const client = await Http2Client.connect(app.origin);
    const stalled = await client.open(puppet.url);
    await stalled.next('started');
    stalled.pause();
    const other = await client.open(puppet.url);
    for (let n = 0; n < 50; n++) {
      puppet.send('big', big);
      await other.next('big');
      expect(responses[0]!.writableLength).toBeLessThan(bound);
    }
    // Its window is full: that is what it waits for.
    expect(responses[0]!.writableLength).toBeGreaterThan(0);
    await clock.advance(2 * stallTimeout);
    await expectWatchers(puppet, 1);
    stalled.resume();
    expect(await stalled.closed()).toBe(constants.NGHTTP2_CANCEL);
    expect(stalled.raw.length).toBeLessThan(100_000);
    // The session goes on: with the stream that was open in it, and with others.
    puppet.count(1);
    await other.next('n');
    const again = await client.open(puppet.url, { 'last-event-id': other.lastEventId ?? '' });
    await puppet.end();
    for (const stream of [other, again]) expect(await stream.closed()).toBe(constants.NGHTTP2_NO_ERROR);
    expect(again.events.map(({ type }) => type)).toEqual(['completed']);
    expectNoHole(other.events);
  });

  it('A46 a stream that is read slowly is not given up', async () => {
    using clock = new StoppedClock();
    const stallTimeout = 30_000;
    const [task, app] = await serve({ stallTimeout });
    const puppet = await task.start(app);
    for (let n = 0; n < 60; n++) puppet.send('some', 'x'.repeat(15_000));
    await puppet.end();
    const client = await Http2Client.connect(app.origin);
    const slow = await client.open(puppet.url);
    readSlowly(slow.stream, 40_000, () => clock.advance(stallTimeout / 4));
    await slow.next('completed');
    expect(clock.now()).toBeGreaterThan(4 * stallTimeout);
    expectNoHole(slow.events);
  });

  it('A46 S49 many streams of a session that is read slowly are not given up', async () => {
    using clock = new StoppedClock();
    const stallTimeout = 30_000;
    const [task, app] = await serve({ stallTimeout });
    const puppet = await task.start(app);
    const [client, relay] = await connectWide(app);
    const streams = await Promise.all(range(1, 400).map(() => client.open(puppet.url)));
    await expectWatchers(puppet, streams.length);
    // One write of the session is twelve megabytes, of which the kernel takes about two at a time.
    relay.slowDown(500_000, () => clock.advance(stallTimeout / 14));
    for (let n = 0; n < 3; n++) puppet.send('some', 'x'.repeat(30_000));
    await puppet.end();
    await Promise.all(streams.map((stream) => stream.next('completed', 2 * patience)));
    for (const stream of streams) expect(await stream.closed()).toBe(constants.NGHTTP2_NO_ERROR);
    expect(clock.now()).toBeGreaterThan(2 * stallTimeout);
  });

  it('A46 a stream that ends for its age leaves its session, which ends with what else is open in it', async () => {
    const [task, app] = await serve({ maxAge: 100 });
    const puppet = await task.start(app);
    const client = await Http2Client.connect(app.origin);
    const gone = new Promise<void>((resolve) => client.session.once('close', () => resolve()));
    const streams = await Promise.all([client.open(puppet.url), client.open(puppet.url)]);
    for (const stream of streams) expect(await stream.closed()).toBe(constants.NGHTTP2_NO_ERROR);
    await gone;
    const back = await Http2Client.connect(app.origin);
    await (await back.open(puppet.url)).next('started');
  });

  it('A46 a stream that ends for its age in the middle of a large event ends behind it', async () => {
    const [task, app, responses] = await serve({ maxAge: 100 });
    const puppet = await task.start(app);
    puppet.send('large', big);
    puppet.count(1);
    const client = await Http2Client.connect(app.origin);
    const stream = await client.open(puppet.url);
    stream.pause();
    await eventually(() => responses[0]!.writableEnded);
    stream.resume();
    expect(await stream.closed()).toBe(constants.NGHTTP2_NO_ERROR);
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'large']);
    expect(stream.raw.endsWith('\n\n')).toBe(true);
  });

  it('A46 a whole session that stops reading costs a bounded amount, is given up, and holds up no close', async () => {
    const stallTimeout = 30_000;
    const [task, app, responses] = await serve({ stallTimeout });
    const puppet = await task.start(app);
    {
      using clock = new StoppedClock();
      const [stuck, relay] = await connectWide(app);
      for (let n = 0; n < 3; n++) await (await stuck.open(puppet.url)).next('started');
      relay.stall();
      const other = await (await Http2Client.connect(app.origin)).open(puppet.url);
      for (let n = 0; n < 100; n++) {
        puppet.send('big', big);
        await other.next('big');
        for (const response of responses.slice(0, 3)) expect(response.writableLength).toBeLessThan(bound);
      }
      await clock.advance(2 * stallTimeout);
      await expectWatchers(puppet, 1);
      await puppet.end();
      await other.next('completed');
    }
    await closeInTime(app);
  });

  it('A46 Last-Event-ID resumes, and the id of the end is a 204', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(5);
    const client = await Http2Client.connect(app.origin);
    const first = await client.open(puppet.url);
    const [, , third] = await first.nextEvents(3);
    await first.close();
    const resumed = await client.open(puppet.url, { 'last-event-id': third!.id ?? '' });
    await puppet.end();
    await resumed.next('completed');
    expect(resumed.events.map(seqOf)).toEqual([4, 5, 6, 7]);
    const over = await client.call('GET', puppet.url, { 'last-event-id': resumed.lastEventId ?? '' });
    expect(over).toMatchObject({ status: 204, text: '' });
    const late = await client.open(puppet.url);
    await late.next('completed');
    expectNoHole(late.events);
    expect(await late.closed()).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it('A46 HEAD, status, DELETE, starting and errors are answered as over HTTP/1.1', async () => {
    const [task, app] = await serve({ start: true });
    const puppet = await task.start(app);
    const client = await Http2Client.connect(app.origin);
    const head = await client.call('HEAD', puppet.url);
    expect(head).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' }, text: '' });
    expect((await puppet.handle.snapshot()).watchers).toBe(0);
    const status = await client.call('GET', `${puppet.url}/status`);
    expect(JSON.parse(status.text)).toMatchObject({ status: 'running' });
    const stream = await client.open(puppet.url);
    expect(await client.call('DELETE', puppet.url)).toMatchObject({ status: 202 });
    expect(await stream.next('cancelled')).toMatchObject({ data: { reason: 'external_cancellation' } });
    expect(await client.call('DELETE', puppet.url)).toMatchObject({ status: 409 });
    expect(await client.call('PUT', task.urlOf(app, 'made'))).toMatchObject({
      status: 201,
      headers: { location: `/stream/test/${task.name}/made` },
    });
    expect(await client.call('DELETE', task.urlOf(app, 'made'))).toMatchObject({ status: 202 });
    const missing = await client.call('GET', task.urlOf(app, 'missing'));
    expect(missing.status).toBe(404);
    expect(JSON.parse(missing.text)).toMatchObject({ code: 'TASK_NOT_FOUND' });
  });

  it('A46 a client that closes a stream, or its whole session, is gone from the watchers', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const [one, two] = [await Http2Client.connect(app.origin), await Http2Client.connect(app.origin)];
    const kept = await one.open(puppet.url);
    const closed = await one.open(puppet.url);
    for (let n = 0; n < 5; n++) await (await two.open(puppet.url)).next('started');
    await expectWatchers(puppet, 7);
    closed.stream.close(constants.NGHTTP2_CANCEL);
    await expectWatchers(puppet, 6);
    await two.destroy();
    await expectWatchers(puppet, 1);
    puppet.count(1);
    await kept.next('n');
    await puppet.end();
    await kept.next('completed');
  });

  it('A46 fifty streams of one session each get every event', async () => {
    const [task, app] = await serve();
    const puppets = await Promise.all(Array.from({ length: 10 }, () => task.start(app)));
    const client = await Http2Client.connect(app.origin);
    const streams = await Promise.all(
      puppets.flatMap(({ url }) => Array.from({ length: 5 }, () => client.open(url))),
    );
    for (let round = 0; round < 10; round++) for (const puppet of puppets) puppet.count(3);
    await Promise.all(puppets.map((puppet) => puppet.end()));
    await Promise.all(streams.map((stream) => stream.next('completed')));
    for (const stream of streams) {
      expect(await stream.closed()).toBe(constants.NGHTTP2_NO_ERROR);
      expect(stream.events).toHaveLength(32);
      expectNoHole(stream.events);
    }
  });

  it('A46 over the limit a stream is told to come back, others get a 503, and the session goes on', async () => {
    const [task, app] = await serve({ maxStreams: 1, retry: 100 });
    const puppet = await task.start(app);
    const client = await Http2Client.connect(app.origin);
    const stream = await client.open(puppet.url);
    await stream.next('started');
    const refused = await client.open(puppet.url);
    expect(await refused.closed()).toBe(constants.NGHTTP2_NO_ERROR);
    expect(refused).toMatchObject({ status: 200, events: [] });
    expect(refused.retry).toBeGreaterThanOrEqual(100);
    const answer = await client.call('GET', puppet.url, { accept: '*/*' });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    puppet.count(1);
    await stream.next('n');
    await puppet.end();
    await stream.next('completed');
  });

  it('A46 while shutting down no header is set that Node would have to drop', async () => {
    const realProcess = runInThisContext('process') as NodeJS.Process;
    const warnings: string[] = [];
    const listen = ({ name }: Error): void => void warnings.push(name);
    realProcess.on('warning', listen);
    const task = new PuppetTask({ stubborn: true });
    const app = await createTaskApp({ adapter: 'fastify-http2', tasks: [task.type] });
    const puppet = await task.start(app);
    const client = await Http2Client.connect(app.origin);
    const report = app.coordinator.shutdown({ timeout: 500 });
    const answer = await client.call('GET', puppet.url, { accept: '*/*' });
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(answer.headers).not.toHaveProperty('connection');
    await report;
    realProcess.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  it('A46 a shutdown of the tasks alone leaves the server to others', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const before = await Http2Client.connect(app.origin);
    const stream = await before.open(puppet.url);
    await stream.next('started');
    await app.coordinator.shutdown();
    await stream.next('cancelled');
    for (const client of [before, await Http2Client.connect(app.origin)]) {
      expect((await client.call('GET', `${puppet.url}/status`)).status).toBe(200);
    }
  });

  it('A46 S56 a shutdown tells every stream, and no session holds it up', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const clients = await Promise.all([1, 2, 3, 4].map(() => Http2Client.connect(app.origin)));
    const [watching, used] = clients as [Http2Client, Http2Client];
    const streams = await Promise.all([1, 2, 3].map(() => watching.open(puppet.url)));
    await Promise.all(streams.map((stream) => stream.next('started')));
    await used.call('GET', `${puppet.url}/status`);
    await closeInTime(app);
    for (const stream of streams) {
      expect(await stream.next('cancelled')).toMatchObject({ data: { reason: 'shutdown' } });
      expect(await stream.closed()).toBe(constants.NGHTTP2_NO_ERROR);
    }
    for (const { session } of clients) await eventually(() => session.destroyed);
  });

  it('A46 S56 a shutdown is held up neither by a stream nor by a session that nobody reads', async () => {
    const task = new PuppetTask({ replay: { bytes: 50_000_000 } });
    const app = await createTaskApp({
      adapter: 'fastify-http2',
      tasks: [task.type],
      options: { shutdown: { timeout: 100 } },
    });
    const puppet = await task.start(app);
    const flow = await Http2Client.connect(app.origin);
    const [stuck, relay] = await connectWide(app);
    const stalled = await flow.open(puppet.url);
    const other = await flow.open(puppet.url);
    await (await stuck.open(puppet.url)).next('started');
    await stalled.next('started');
    stalled.pause();
    relay.stall();
    for (let n = 0; n < 100; n++) {
      puppet.send('big', big);
      await other.next('big');
    }
    await closeInTime(app);
    await other.next('cancelled');
    expect(await stalled.closed()).not.toBe(constants.NGHTTP2_NO_ERROR);
  });
});
