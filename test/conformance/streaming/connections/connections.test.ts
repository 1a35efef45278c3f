import { describe, expect, it } from '@jest/globals';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGzip } from 'node:zlib';
import { call } from '../../../support/clients/http-client.js';
import {
  adapters,
  closeLater,
  connectRaw,
  createTaskApp,
  expectWatchers,
  PuppetTask,
  type TaskApp,
  type TaskAppOptions,
  watch,
  watchRaw,
} from '../../../support/watching.js';

describe.each(adapters)('connections (%s)', (adapter) => {
  async function serve(options: TaskAppOptions = {}): Promise<[PuppetTask, TaskApp]> {
    const task = new PuppetTask();
    return [task, await createTaskApp({ adapter, tasks: [task.type], ...options })];
  }

  it('A20 a client that connects and dies 300 times leaves no watcher, and makes attach no dearer', async () => {
    const [task, app] = await serve({ options: { http: { maxStreams: 20 } } });
    const puppet = await task.start(app);
    puppet.count(10);
    // Of the processor, in milliseconds: other processes on the machine do not count.
    const times: number[] = [];
    for (let n = 0; n < 300; n++) {
      const before = process.cpuUsage();
      const client = await watchRaw(puppet.url);
      // At once, when the headers are there, when events are there; politely and not.
      if (n % 3 === 0) await client.close('reset');
      else if (n % 3 === 1) {
        await client.until('connected');
        await client.close('fin');
      } else {
        await client.until('event: n');
        const { user, system } = process.cpuUsage(before);
        times.push((user + system) / 1_000);
        await client.close('reset');
      }
    }
    await expectWatchers(puppet, 0);
    const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
    expect(median(times.slice(-30))).toBeLessThan(5 * median(times.slice(0, 30)) + 5);
    // No place is left taken either.
    expect((await watch(puppet.url)).status).toBe(200);
    await puppet.end();
  });

  it('A22 the timeouts of the HTTP server are as Node set them', async () => {
    const [, app] = await serve();
    const server = app.app.getHttpServer() as Server;
    const plain = createServer();
    expect(server.headersTimeout).toBe(plain.headersTimeout);
    expect(server.requestTimeout).toBe(adapter === 'fastify' ? 0 : plain.requestTimeout);
    expect(server.timeout).toBe(plain.timeout);
    expect(server.maxHeadersCount).toBe(plain.maxHeadersCount);
  });

  it('A22 neither headersTimeout nor requestTimeout cuts a running stream', async () => {
    const [task, app] = await serve();
    const instance = app.app.getHttpAdapter().getInstance() as RequestListener & { routing: RequestListener };
    const listener: RequestListener =
      adapter === 'express' ? instance : (req, res) => instance.routing(req, res);
    const server = createServer(
      { headersTimeout: 500, requestTimeout: 500, connectionsCheckingInterval: 50 },
      listener,
    );
    closeLater(() => server.close());
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const puppet = await task.start(app);
    const stream = await watch(puppet.url.replace(String(app.port), String(port)));
    // A younger connection, with a request that stays half, is cut by them.
    const half = await connectRaw(port);
    half.socket.write('GET / HTTP/1.1\r\n');
    await half.closed;
    expect(half.status).toBe(408);
    puppet.count(1);
    expect(await stream.next('n')).toMatchObject({ data: 1 });
    await puppet.end();
    expect(await stream.ended).toBe('complete');
  });

  it('A28 what users choose reaches Location only after its check', async () => {
    const [task, app] = await serve({ options: { http: { start: true } } });
    for (const id of ['plain', 'A.z_~-9', '__proto__', 'x'.repeat(100)]) {
      const answer = await call('PUT', task.urlOf(app, id), { json: {} });
      expect(answer.status).toBe(201);
      expect(answer.headers.location).toBe(`/stream/test/${task.name}/${id}`);
    }
    const client = await connectRaw(app.port);
    client.request('PUT', `/stream/test/${task.name}/x%0d%0aSet-Cookie:%20a=b`, { 'Content-Length': '0' });
    await client.until('INVALID_TASK_ID');
    expect(client.received).not.toMatch(/^(set-cookie|location):/im);
    // The answer is the whole answer, and the connection is fit for the next request.
    client.received = '';
    client.request('PUT', `/stream/test/${task.name}/next?x=%0d%0aSet-Cookie:a=b`, { 'Content-Length': '0' });
    await client.until('"status":"pending"');
    expect(client.status).toBe(201);
    expect(client.received).toMatch(new RegExp(`^location: /stream/test/${task.name}/next\r$`, 'im'));
  });

  it('A29 no cache keeps a stream', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    await puppet.end();
    const { headers } = await watch(puppet.url);
    const control = (headers['cache-control'] ?? '').split(/\s*,\s*/);
    expect(control).toEqual(expect.arrayContaining(['no-store', 'no-transform']));
    expect(headers.etag).toBeUndefined();
    expect(headers['last-modified']).toBeUndefined();
    expect(headers['content-length']).toBeUndefined();
    const conditional = await watch(puppet.url, { headers: { 'if-none-match': '*' } });
    expect(conditional.status).toBe(200);
  });

  it('A30 headers and the first comment go out at once for a silent task', async () => {
    const [task, app] = await serve({ options: { http: { retry: 1_234 } } });
    const puppet = await task.start(app);
    const { lastEventId } = await puppet.handle.snapshot();
    const client = await watchRaw(puppet.url, { 'Last-Event-ID': lastEventId ?? '' });
    await client.until(': connected\n');
    expect(client.received).toMatch(/\r\nx-accel-buffering: no\r\n/i);
    expect(client.body).toMatch(/^\n?retry: 1234\n: connected\n$/);
    await puppet.end();
  });

  it('A33 the module sets no CORS header of its own', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const origin = { origin: 'https://app.example' };
    const stream = await watch(puppet.url, { headers: origin });
    const missing = await call('GET', task.urlOf(app, 'missing'), { headers: origin });
    for (const { headers } of [stream, missing]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
    await puppet.end();
  });

  it('A33 with enableCors the stream and its errors carry what the application set', async () => {
    const cors = { origin: 'https://app.example', credentials: true, methods: ['GET', 'DELETE'] };
    const [task, app] = await serve({ configure: (nest) => nest.enableCors(cors) });
    const puppet = await task.start(app);
    const origin = { origin: 'https://app.example' };
    const stream = await watch(puppet.url, { headers: origin });
    const missing = await call('GET', task.urlOf(app, 'missing'), { headers: origin });
    for (const { headers } of [stream, missing]) {
      expect(headers).toMatchObject({
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-credentials': 'true',
      });
    }
    const preflight = await call('OPTIONS', puppet.url, {
      headers: {
        ...origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'last-event-id',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-headers']?.toLowerCase()).toContain('last-event-id');
    await puppet.end();
    // The 204 that ends an EventSource is readable across origins only with them.
    const { lastEventId } = await puppet.handle.snapshot();
    const over = await call('GET', puppet.url, {
      headers: { ...origin, 'last-event-id': lastEventId ?? '' },
    });
    expect(over).toMatchObject({
      status: 204,
      headers: { 'access-control-allow-origin': 'https://app.example' },
    });
  });

  it.each(['text/html', '*/*', 'text/event-stream', 'application/json', 'nonsense', ''])(
    'A35 a stream is text/event-stream and an error is JSON, with Accept: %j',
    async (accept) => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      const stream = await watch(puppet.url, { headers: { accept } });
      expect(stream.headers['content-type']).toMatch(/^text\/event-stream/);
      expect(await stream.next('started')).toBeDefined();
      await puppet.end();
      for (const path of ['<script>', '%3Cscript%3Ealert(1)%3C/script%3E', 'missing']) {
        const client = await connectRaw(app.port);
        client.request('GET', `/stream/test/${task.name}/${path}`, { Accept: accept });
        await client.until((received) => /\r\n\r\n.*\}/s.test(received));
        expect(client.status).toBeGreaterThanOrEqual(400);
        expect(client.status).toBeLessThan(500);
        expect(client.received).toMatch(/\r\ncontent-type: application\/json/i);
      }
    },
  );

  it.each(['%', '%E0%A4%A', '%ff', '%zz'])('A35 an id that is no text, %j, is a 400 in JSON', async (id) => {
    const [task, app] = await serve();
    const client = await connectRaw(app.port);
    client.request('GET', `/stream/test/${task.name}/${id}`);
    await client.until((received) => /\r\n\r\n.*\}/s.test(received));
    expect(client.status).toBe(400);
    expect(client.received).toMatch(/\r\ncontent-type: application\/json/i);
  });

  it('A47 HTTP parsing stays strict: Content-Length with Transfer-Encoding is refused', async () => {
    const [task, app] = await serve({ options: { http: { start: true } } });
    const client = await connectRaw(app.port);
    client.write(
      `POST /stream/test/${task.name} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
        'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await client.closed;
    expect(client.status).toBe(400);
    expect(client.received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(task.calls).toBe(0);
    const lines = await connectRaw(app.port);
    lines.write(`GET /stream/test/${task.name}/x HTTP/1.1\r\nHost: x\r\nX-Bad: a\rb\r\n\r\n`);
    await lines.closed;
    expect(lines.status).toBe(400);
  });
});

describe('connections through a middleware that compresses', () => {
  /** Does as `compression` does: decides when the headers are written, and leaves alone what must not be changed. */
  function compress(_request: unknown, response: ServerResponse, next: () => void): void {
    const { write, end, writeHead } = response;
    let gzip: ReturnType<typeof createGzip> | undefined;
    response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      const given = args.find((argument) => typeof argument === 'object' && argument !== null) ?? {};
      const named = Object.entries(given).find(([name]) => name.toLowerCase() === 'cache-control');
      const control = String(named?.[1] ?? response.getHeader('cache-control') ?? '');
      if (!/(?:^|,)\s*no-transform\s*(?:,|$)/.test(control)) {
        gzip = createGzip();
        response.setHeader('content-encoding', 'gzip');
        response.removeHeader('content-length');
        gzip.on('data', (chunk: Buffer) => void Reflect.apply(write, response, [chunk]));
        gzip.on('end', () => void Reflect.apply(end, response, []));
      }
      return Reflect.apply(writeHead, this, args) as ServerResponse;
    };
    response.write = function (this: ServerResponse, ...args: unknown[]) {
      return Reflect.apply(gzip ? gzip.write.bind(gzip) : write, this, args) as boolean;
    };
    response.end = function (this: ServerResponse, ...args: unknown[]) {
      if (!response.headersSent) response.writeHead(response.statusCode);
      if (!gzip) return Reflect.apply(end, this, args) as ServerResponse;
      gzip.end(...(args as []));
      return this;
    };
    next();
  }

  it('A30 compression in front delays no event', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], configure: (nest) => nest.use(compress) });
    const puppet = await task.start(app);
    const stream = await watch(puppet.url, { headers: { 'accept-encoding': 'gzip' } });
    expect(stream.headers['content-encoding']).toBeUndefined();
    for (let n = 1; n <= 5; n++) {
      puppet.count(1);
      expect(await stream.next('n')).toMatchObject({ data: n });
    }
    await puppet.end();
    expect(await stream.ended).toBe('complete');
    // It does compress what may be.
    const status = await call('GET', `${puppet.url}/status`);
    expect(status.headers['content-encoding']).toBe('gzip');
  });
});
