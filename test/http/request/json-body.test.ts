import { describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CoordinatorService } from 'nestjs-streaming';
import { handlerTask } from '../../support/app.js';
import { Http2Client } from '../../support/clients/http2-client.js';
import { call, type CallOptions } from '../../support/clients/http-client.js';
import {
  adapters,
  connectRaw,
  createTaskApp,
  type TaskApp,
  type TaskAppOptions,
} from '../../support/watching.js';

/** A task whose result is its input and the data of its signal. */
async function serve(options: TaskAppOptions): Promise<TaskApp> {
  const echo = handlerTask(async (task) => ({ input: task.input, signal: await task.waitForSignal('go') }), {
    name: 'echo',
  });
  return createTaskApp({ tasks: [echo], ...options, options: { http: { start: true } } });
}

async function resultOf({ app }: TaskApp, id: string): Promise<unknown> {
  const coordinator = app.get(CoordinatorService);
  await new Promise((resolve) => {
    coordinator.events({ app: 'test', name: 'echo', id }).subscribe({ complete: () => resolve(undefined) });
  });
  return (await coordinator.get({ app: 'test', name: 'echo', id }))?.finalValue;
}

const json = { 'content-type': 'application/json' };

describe('a body over HTTP/2, which has no length and no transfer encoding', () => {
  it('is there when data was sent', async () => {
    const app = await serve({ adapter: 'fastify-http2' });
    const client = await Http2Client.connect(app.origin);
    const url = `${app.url}/test/echo`;
    expect((await client.call('PUT', `${url}/full`, json, '{"n":7}')).status).toBe(201);
    expect((await client.call('POST', `${url}/full/signals/go`, json, '{"ok":true}')).status).toBe(202);
    expect(await resultOf(app, 'full')).toEqual({ input: { n: 7 }, signal: { ok: true } });
  });

  it('is none when the headers end the request, or only an empty frame follows', async () => {
    const app = await serve({ adapter: 'fastify-http2' });
    const client = await Http2Client.connect(app.origin);
    for (const [id, body] of [['none'], ['empty', '']]) {
      const url = `${app.url}/test/echo/${id}`;
      expect((await client.call('PUT', url, {}, body)).status).toBe(201);
      expect((await client.call('POST', `${url}/signals/go`, {}, body)).status).toBe(202);
      expect(await resultOf(app, id!)).toEqual({ input: {}, signal: null });
    }
  });

  it('without a content type is 415, and the session goes on', async () => {
    const app = await serve({ adapter: 'fastify-http2' });
    const client = await Http2Client.connect(app.origin);
    const url = `${app.url}/test/echo/x`;
    const large = `{"text":"${'x'.repeat(300_000)}"}`;
    for (const body of ['{"n":7}', large]) {
      const answer = await client.call('PUT', url, {}, body);
      expect([answer.status, answer.text]).toEqual([415, expect.stringContaining('UNSUPPORTED_MEDIA_TYPE')]);
    }
    expect((await client.call('GET', `${url}/status`)).status).toBe(404);
    expect((await client.call('PUT', url, json, '{"n":8}')).status).toBe(201);
  });
});

describe('a chunked body without a chunk', () => {
  it.each(['', 'Content-Type: application/json\r\n', 'Content-Type: text/plain\r\n'])(
    'is none, with the header %j',
    async (header) => {
      const app = await serve({});
      const client = await connectRaw(app.port);
      const ask = async (method: string, path: string): Promise<number> => {
        client.received = '';
        client.write(
          `${method} ${path} HTTP/1.1\r\nHost: x\r\n${header}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        );
        await client.until('\r\n\r\n');
        return client.status;
      };
      expect(await ask('PUT', '/stream/test/echo/x')).toBe(201);
      expect(await ask('POST', '/stream/test/echo/x/signals/go')).toBe(202);
      expect(await resultOf(app, 'x')).toEqual({ input: {}, signal: null });
      expect(await ask('PUT', '/stream/test/echo/y')).toBe(201);
      expect(await ask('DELETE', '/stream/test/echo/y')).toBe(202);
    },
  );

  it('with a chunk and without a content type is 415, and the connection goes on', async () => {
    const app = await serve({});
    const client = await connectRaw(app.port);
    client.write(
      'PUT /stream/test/echo/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n',
    );
    await client.until('UNSUPPORTED_MEDIA_TYPE');
    client.received = '';
    client.write('2\r\n{}\r\n0\r\n\r\nGET /stream/test/echo/x/status HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until('TASK_NOT_FOUND');
    expect(client.status).toBe(404);
  });
});

describe.each(adapters)('a body of no length (%s)', (adapter) => {
  it.each(['text/plain', 'application/x-www-form-urlencoded'])(
    'is none, whatever the content type says: %s',
    async (type) => {
      const app = await serve({ adapter });
      const url = `${app.url}/test/echo/x`;
      const options = { body: '', headers: { 'content-type': type } };
      expect((await call('PUT', url, options)).status).toBe(201);
      expect((await call('POST', `${url}/signals/go`, options)).status).toBe(202);
      expect(await resultOf(app, 'x')).toEqual({ input: {}, signal: null });
    },
  );
});

/** Parsers that an application may have. */
const express = (...parsers: ['raw' | 'text' | 'json', object][]): TaskAppOptions => ({
  nest: { bodyParser: false },
  configure(app) {
    for (const [kind, options] of parsers) (app as NestExpressApplication).useBodyParser(kind, options);
  },
});
type Done = (error: null, body?: unknown) => void;
const fastify = (parser: (app: NestFastifyApplication) => void): TaskAppOptions => ({
  adapter: 'fastify',
  nest: { bodyParser: false },
  configure(app: INestApplication) {
    instance(app as NestFastifyApplication).removeAllContentTypeParsers();
    parser(app as NestFastifyApplication);
  },
});
const instance = (app: NestFastifyApplication) => app.getHttpAdapter().getInstance();
const parsers: [what: string, options: TaskAppOptions][] = [
  ['none on Express', express()],
  ['one on Express that leaves bytes', express(['raw', { type: '*/*' }])],
  ['one on Express that leaves text', express(['text', { type: '*/*' }])],
  ['one on Express that takes bare values', express(['json', { strict: false }])],
  [
    'one on Fastify that leaves bytes',
    fastify((app) =>
      instance(app).addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
        done(null, body),
      ),
    ),
  ],
  [
    'one on Fastify that leaves text',
    fastify((app) =>
      instance(app).addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) =>
        done(null, body),
      ),
    ),
  ],
  [
    'one on Fastify that leaves nothing',
    fastify((app) => instance(app).addContentTypeParser('*', (_request, _payload, done: Done) => done(null))),
  ],
  [
    'one on Fastify that hands the stream on',
    fastify((app) =>
      instance(app).addContentTypeParser('*', (_request, payload, done: Done) => done(null, payload)),
    ),
  ],
];

describe.each(parsers)('with a body parser of the application: %s', (_what, options) => {
  const ask = async (app: TaskApp, call_: CallOptions): Promise<[number, unknown]> => {
    const { status, body } = await call('PUT', `${app.url}/test/echo/x`, call_);
    return [status, (body as { code?: string }).code];
  };

  it('JSON is the input and the data of a signal', async () => {
    const app = await serve(options);
    const url = `${app.url}/test/echo`;
    for (const [id, input] of [
      ['object', { n: [1, 'ü'] }],
      ['array', [1, { n: 2 }]],
      ['empty', {}],
      ['large', { text: 'x'.repeat(90_000) }],
    ] as const) {
      expect((await call('PUT', `${url}/${id}`, { json: input })).status).toBe(201);
      expect((await call('POST', `${url}/${id}/signals/go`, { json: input })).status).toBe(202);
      expect(await resultOf(app, id)).toEqual({ input, signal: input });
    }
    expect((await call('PUT', `${url}/none`)).status).toBe(201);
    expect((await call('POST', `${url}/none/signals/go`)).status).toBe(202);
    expect(await resultOf(app, 'none')).toEqual({ input: {}, signal: null });
  });

  it('what is no JSON object or array is refused, and starts nothing', async () => {
    const app = await serve(options);
    const text = (body: string): CallOptions => ({ body, headers: json });
    for (const body of ['5', '"text"', 'null', '"{\\"n\\":1}"']) {
      expect(await ask(app, text(body))).toEqual([400, 'INVALID_INPUT']);
    }
    for (const body of ['{"n":', 'nonsense', '\0']) expect((await ask(app, text(body)))[0]).toBe(400);
    for (const headers of [{}, { 'content-type': 'text/plain' }]) {
      expect(await ask(app, { body: '{"n":1}', headers })).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
    expect((await app.coordinator.list()).items).toEqual([]);
  });
});

describe.each([
  ['Express', express()],
  ['Fastify', parsers.at(-2)![1]],
])('a body that no parser of the application has read (%s)', (_what, options) => {
  it('is 413 over 1 MiB, and 415 when it is encoded', async () => {
    const app = await serve(options);
    const url = `${app.url}/test/echo/x`;
    expect(await call('PUT', url, { json: { text: 'x'.repeat(1_048_576) } })).toMatchObject({ status: 413 });
    for (const headers of [
      { ...json, 'content-encoding': 'gzip' },
      { 'content-type': 'application/json; charset=utf-16' },
    ]) {
      expect(await call('PUT', url, { body: '{"n":1}', headers })).toMatchObject({
        status: 415,
        body: { code: 'UNSUPPORTED_MEDIA_TYPE', message: expect.stringContaining('No body parser') },
      });
    }
    const headers = { 'content-type': 'application/vnd.api+json; charset="UTF-8"' };
    expect((await call('PUT', url, { body: '\uFEFF{"n":1}', headers })).status).toBe(201);
  });

  it('of a client that leaves before its end starts nothing', async () => {
    const app = await serve(options);
    const client = await connectRaw(app.port);
    client.request('PUT', '/stream/test/echo/x', { ...json, 'Content-Length': '100' }, '{"n":');
    await client.close('reset');
    expect((await call('PUT', `${app.url}/test/echo/y`, { json: {} })).status).toBe(201);
    expect((await app.coordinator.list()).items.map(({ id }) => id)).toEqual(['y']);
    expect(app.logs.errors).toEqual([]);
  });
});
