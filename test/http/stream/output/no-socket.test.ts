import { describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { constants, runInThisContext } from 'node:vm';
import type { HttpOptions } from 'nestjs-streaming';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { closeBound, deferred, eventually, patience, withTimeout } from '../../../support/wait.js';
import { createTaskApp, type Puppet, PuppetTask, type TaskApp } from '../../../support/watching.js';

interface Injected {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly payload: string;
  stream(): Readable;
}

type Inject = (
  dispatch: (request: IncomingMessage, response: ServerResponse) => void,
  options: {
    readonly url: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly payloadAsStream?: boolean;
  },
) => Promise<Injected>;

/** What Fastify's `inject()` calls. It requires a module of JavaScript, which Jest cannot do on Node 20, but Node can. */
const { default: inject } = (await runInThisContext("import('light-my-request')", {
  filename: import.meta.filename,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})) as { default: Inject };

/** An application that is asked by `inject()`. */
interface Server {
  readonly inject: (options: Parameters<Inject>[1]) => Promise<Injected>;
}

/** `inject()` of Fastify, as tests and adapters for serverless platforms use it: its socket is a stand-in. */
describe('a response that is no socket', () => {
  async function serve(
    http: HttpOptions = {},
    interceptEvents = false,
  ): Promise<{ app: TaskApp; nest: Server; puppet: Puppet; path: string }> {
    const task = new PuppetTask({ replay: { bytes: 10_000_000 } });
    const app = await createTaskApp({
      adapter: 'fastify',
      listen: false,
      tasks: [task.type],
      options: { http: { interceptEvents, ...http } },
    });
    const fastify = (app.app as NestFastifyApplication).getHttpAdapter().getInstance();
    await fastify.ready();
    const nest: Server = { inject: (options) => inject(fastify.routing, options) };
    const puppet = await task.start(app);
    return { app, nest, puppet, path: `/stream/test/${task.name}/${puppet.id}` };
  }

  /** Resolves when the stream has begun. */
  async function open(nest: Server, url: string): Promise<Readable> {
    const response = await nest.inject({ url, payloadAsStream: true });
    return response.stream().setEncoding('utf8');
  }

  async function textOf(stream: Readable): Promise<string> {
    const ended = deferred<string>();
    let text = '';
    stream.on('data', (data: string) => (text += data));
    stream.on('end', () => ended.resolve(text));
    stream.on('error', ended.reject);
    return withTimeout(ended.promise, patience, () => `the end of the stream; it has ${text}`);
  }

  const closes = (app: TaskApp): Promise<void> => withTimeout(app.app.close(), closeBound, 'close()');

  it.each([false, true])('a stream is read to its end (interceptors see the events: %s)', async (isSeen) => {
    const { nest, puppet, path, app } = await serve({}, isSeen);
    const text = textOf(await open(nest, path));
    puppet.count(2);
    for (let n = 0; n < 20; n++) puppet.send('big', 'x'.repeat(100_000));
    await puppet.end();
    expect(await text).toMatch(
      /event: started\n[^]*event: n\n[^]*event: completed\ndata: [^\n]*\nid: [^\n]*-24\n\n$/,
    );
    expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 0 });
    await closes(app);
  });

  it('a whole answer is given to inject() when the task is over', async () => {
    const { nest, puppet, path, app } = await serve();
    const answer = nest.inject({ url: path });
    await puppet.end('done');
    expect((await answer).payload).toContain('data: {"finalValue":"done"}');
    await closes(app);
  });

  it('a shutdown tells its watcher, and close() returns', async () => {
    const { app, nest, path } = await serve();
    const text = textOf(await open(nest, path));
    await closes(app);
    expect(await text).toContain('"reason":"shutdown"');
  });

  it('maxAge ends it', async () => {
    const { app, nest, path } = await serve({ maxAge: 100 });
    expect(await textOf(await open(nest, path))).toMatch(/^\n?retry: 2000\n: connected\nevent: started\n/);
    await closes(app);
  });

  it('a full server tells it to come back', async () => {
    const { app, nest, path } = await serve({ maxStreams: 0 });
    const { payload, statusCode } = await nest.inject({
      url: path,
      headers: { accept: 'text/event-stream' },
    });
    expect(statusCode).toBe(200);
    expect(payload).toMatch(/^\n?retry: [0-9]+\n$/);
    await closes(app);
  });

  it('one that does not read is given up after stallTimeout, and nobody else', async () => {
    using clock = new StoppedClock();
    const stallTimeout = 30_000;
    const { app, nest, puppet, path } = await serve({ stallTimeout });
    const stuck = await open(nest, path);
    const failed = deferred();
    stuck.on('error', () => failed.resolve());
    const other = await open(nest, path);
    const reading = textOf(other);
    let read = 0;
    other.on('data', (data: string) => (read += data.length));
    for (let n = 0; n < 20; n++) puppet.send('big', 'x'.repeat(100_000));
    await eventually(() => read > 20 * 100_000);
    await clock.advance(2 * stallTimeout);
    await withTimeout(failed.promise, patience, 'the end of the one that does not read');
    await puppet.end();
    expect(await reading).toContain('event: completed');
    await closes(app);
  });

  it('HEAD answers the headers', async () => {
    const { app, nest, path } = await serve();
    const { statusCode, headers, payload } = await nest.inject({ method: 'HEAD', url: path });
    expect({ statusCode, type: headers['content-type'] }).toEqual({
      statusCode: 200,
      type: 'text/event-stream',
    });
    expect(payload.trim()).toBe('');
    await closes(app);
  });
});
