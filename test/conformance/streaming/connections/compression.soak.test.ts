import fastifyCompress from '@fastify/compress';
import { describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { call } from '../../../support/clients/http-client.js';
import type { SseStream } from '../../../support/clients/sse.js';
import { Peak, responsesOf } from '../../../support/server-side.js';
import { eventually } from '../../../support/wait.js';
import {
  adapters,
  createTaskApp,
  expectLive,
  expectNoHole,
  expectWatchers,
  type Puppet,
  PuppetTask,
  resumeAfter,
  seqOf,
  type TaskApp,
  type TaskAppOptions,
  watch,
} from '../../../support/watching.js';

const encodings = ['gzip', 'deflate', 'br'] as const;

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** As hard to compress as text can be. */
const random = randomBytes(180_300).toString('base64');

/** As an application adds it, but that it compresses small answers too, so that it shows. */
const compressing = compression({ threshold: 0 }) as unknown as Middleware;

/** Takes the word out of the way that keeps `compression` from touching a stream. */
const allowTransform: Middleware = (_request, response, next) => {
  const { setHeader } = response;
  response.setHeader = function (this: ServerResponse, name, value) {
    const allowed = typeof value === 'string' ? value.replace(/, no-transform\b/, '') : value;
    return Reflect.apply(setHeader, this, [name, allowed]);
  };
  next();
};

async function serve(given: TaskAppOptions): Promise<[PuppetTask, TaskApp, ServerResponse[]]> {
  const task = new PuppetTask({ replay: { bytes: 50_000_000 } });
  const app = await createTaskApp({ tasks: [task.type], ...given });
  return [task, app, responsesOf(app)];
}

function watchEncoded(puppet: Puppet, encoding: string, lastEventId?: string): Promise<SseStream> {
  const headers = { 'accept-encoding': encoding, ...(lastEventId && { 'last-event-id': lastEventId }) };
  return watch(puppet.url, { headers });
}

/** Each event is sent when the one before has come; then a heartbeat, a resume and the end. */
async function expectOneByOne(puppet: Puppet, stream: SseStream): Promise<void> {
  await expectLive(puppet, stream);
  const position = stream.events[2]?.id ?? '';
  const resumed = await watchEncoded(puppet, stream.headers['content-encoding'] ?? 'gzip', position);
  expect(resumed.headers['content-encoding']).toBe(stream.headers['content-encoding']);
  await puppet.end();
  for (const watcher of [stream, resumed]) {
    await watcher.next('completed');
    expect(await watcher.ended).toBe('complete');
  }
  expectNoHole(stream.events);
  expect(resumed.events.map(seqOf)).toEqual([4, 5, 6, 7]);
}

/** What may be compressed is, and the stream is not. */
async function expectLeftAlone(puppet: Puppet, encoding: string): Promise<SseStream> {
  const stream = await watchEncoded(puppet, encoding);
  expect(stream.headers['content-encoding']).toBeUndefined();
  const status = await call('GET', `${puppet.url}/status`, { headers: { 'accept-encoding': encoding } });
  expect(status.headers['content-encoding']).toBe(encoding);
  await expectOneByOne(puppet, stream);
  return stream;
}

describe.each(adapters)('behind compression (%s)', (adapter) => {
  const options = { http: { heartbeat: 50 } };
  const forced = (app: INestApplication): void => {
    app.use(compressing);
    app.use(allowTransform);
  };

  it.each(encodings)(
    'A30 it leaves the stream alone, and no event is late, for a client that takes %s',
    async (encoding) => {
      const [task, app] = await serve({ adapter, options, configure: (nest) => nest.use(compressing) });
      const puppet = await task.start(app);
      await expectLeftAlone(puppet, encoding);
    },
  );

  it('S23 a long replay through interceptors is paced by what it is compressed in', async () => {
    const [task, app] = await serve({
      adapter,
      options: { http: { ...options.http, interceptEvents: true } },
      configure: forced,
    });
    const puppet = await task.start(app);
    for (let n = 0; n < 60; n++) puppet.send('random', random);
    const stream = await watchEncoded(puppet, 'gzip');
    // Nest cuts off a client for which more than 4 Mi characters are queued.
    await stream.nextEvents(61);
    expect(stream.headers['content-encoding']).toBe('gzip');
    expectNoHole(stream.events);
  });

  it.each(encodings)(
    'A30 where it does compress the stream, with %s, no event is late either',
    async (encoding) => {
      const [task, app] = await serve({ adapter, options, configure: forced });
      const puppet = await task.start(app);
      const stream = await watchEncoded(puppet, encoding);
      expect(stream.headers['content-encoding']).toBe(encoding);
      await expectOneByOne(puppet, stream);
    },
  );

  it('A30 a compressed stream of a silent task begins at once', async () => {
    const [task, app] = await serve({ adapter, configure: forced });
    const puppet = await task.start(app);
    const { lastEventId } = await puppet.handle.snapshot();
    const stream = await watchEncoded(puppet, 'gzip', lastEventId ?? '');
    await eventually(() => expect(stream.comments).toBe(1));
    await puppet.end();
    await stream.next('completed');
  });

  it('A30 S23 a compressed replay is paced by the client, however often it has to wait', async () => {
    const [task, app, responses] = await serve({ adapter, configure: forced });
    const puppet = await task.start(app);
    for (let n = 0; n < 60; n++) puppet.send('big', random.slice(n, n + 240_000));
    await puppet.end();
    const stream = await watchEncoded(puppet, 'gzip');
    stream.pause();
    await eventually(() => expect(responses[0]!.writableLength).toBeGreaterThan(0));
    using peak = new Peak(() => responses[0]!.writableLength);
    stream.resume();
    await stream.next('completed');
    expectNoHole(stream.events);
    expect(stream.events).toHaveLength(62);
    expect(peak.most).toBeLessThan(1_000_000);
  });

  it('A30 S49 a client that reads nothing of a compressed stream costs a bounded amount', async () => {
    const [task, app, responses] = await serve({ adapter, configure: forced });
    const puppet = await task.start(app);
    const stuck = await watchEncoded(puppet, 'gzip');
    await stuck.next('started');
    stuck.pause();
    for (let n = 0; n < 100; n++) {
      puppet.send('big', random.slice(n, n + 200_000));
      await turn();
      expect(responses[0]!.writableLength).toBeLessThan(1_000_000);
    }
    await puppet.end();
    stuck.resume();
    await stuck.next('completed');
    expectNoHole(stuck.events);
  });

  it('A30 S51 it is given up, although the compressor still takes heartbeats', async () => {
    const [task, app, responses] = await serve({
      adapter,
      options: { http: { heartbeat: 20, stallTimeout: 400 } },
      configure: forced,
    });
    const puppet = await task.start(app);
    const stuck = await watchEncoded(puppet, 'gzip');
    await stuck.next('started');
    stuck.pause();
    // As much as the kernel takes, and no more: what comes then finds room in the compressor.
    const [response] = responses;
    const { socket } = response!.req;
    while (response!.writableLength === 0 && !response!.destroyed) {
      const { bytesWritten } = socket;
      puppet.send('some', randomBytes(6_000).toString('base64'));
      while (socket.bytesWritten === bytesWritten && !response!.destroyed) await turn();
    }
    await expectWatchers(puppet, 0);
    expect(responses[0]!.destroyed).toBe(true);
    stuck.resume();
    expect(await stuck.ended).toBe('cut');
    await puppet.end();
  });
});

describe('behind @fastify/compress', () => {
  it.each(encodings)(
    'A30 it never sees the stream, and no event is late, for a client that takes %s',
    async (encoding) => {
      const [task, app] = await serve({
        adapter: 'fastify',
        options: { http: { heartbeat: 50 } },
        configure: async (nest) => {
          await (nest as NestFastifyApplication).register(fastifyCompress, {
            threshold: 0,
            encodings: [encoding],
          });
        },
      });
      const puppet = await task.start(app);
      const stream = await expectLeftAlone(puppet, encoding);
      const over = await resumeAfter(puppet.url, stream.lastEventId ?? '');
      expect(over.status).toBe(204);
    },
  );
});
