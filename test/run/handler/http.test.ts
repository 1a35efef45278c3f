import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import axios, { type AxiosResponse } from 'axios';
import { getEventListeners } from 'node:events';
import type { Readable } from 'node:stream';
import type { TaskContext } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';
import { HangingServer } from '../../support/hanging-server.js';
import { patience, withTimeout } from '../../support/wait.js';

type Handler = (task: TaskContext, url: string) => Promise<unknown>;

describe.each<[string, Record<'request' | 'body' | 'upload', Handler>]>([
  [
    'fetch',
    {
      request: async ({ signal }, url) => (await fetch(url, { signal })).status,
      body: async ({ signal }, url) => (await fetch(url, { signal })).text(),
      upload: ({ signal }, url) =>
        fetch(url, { method: 'POST', body: endlessBody(signal), duplex: 'half', signal }),
    },
  ],
  [
    'axios',
    {
      request: async ({ signal }, url) => (await axios.get<string>(url, { signal })).status,
      body: async ({ signal }, url) => (await axios.get<string>(url, { signal })).data,
      upload: ({ signal }, url) => axios.post(url, endlessBody(signal), { signal, adapter: 'fetch' }),
    },
  ],
  [
    'axios with a stream',
    {
      request: async ({ signal }, url) =>
        (await axios.get<string>(url, { signal, responseType: 'stream' })).status,
      body: async ({ signal }, url) => {
        const response: AxiosResponse<Readable> = await axios.get(url, { signal, responseType: 'stream' });
        let bytes = 0;
        for await (const chunk of response.data) bytes += (chunk as Buffer).length;
        return bytes;
      },
      upload: async ({ signal }, url) =>
        (await axios.post<string>(url, 'x'.repeat(1_000_000), { signal })).data,
    },
  ],
])('a handler with the signal in %s', (_name, handlers) => {
  let server: HangingServer;
  beforeEach(async () => {
    server = await new HangingServer((request, response) => {
      // A server that does not read does not notice the end either.
      request.resume();
      if (request.url !== '/body') return;
      response.writeHead(200, { 'content-length': 1_000_000 });
      response.write('the first half');
    }).listen();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  async function expectGivenUp(
    handler: Handler,
    method: string,
    path: string,
    status: 'cancelled' | 'timeout' = 'cancelled',
  ): Promise<void> {
    let given: TaskContext | undefined;
    const started = await startTask(
      (task) => {
        given = task;
        return handler(task, `${server.url}${path}`);
      },
      { task: { timeout: 60_000 } },
    );
    await server.request(method, path);
    if (status === 'timeout') given!.reschedule(0);
    else expect(await started.handle.cancel()).toBe(true);
    const outcome = await withTimeout(started.handle.outcome, patience, 'the end of the task');
    expect(outcome).toMatchObject({ status, swallowed: false, abandoned: false });
    await withTimeout(server.connectionClosed, patience, 'the end of the connection');
    expect(getEventListeners(given!.signal, 'abort')).toEqual([]);
  }

  it('ends cancelled while the server does not answer, and the connection is closed', async () => {
    await expectGivenUp(handlers.request, 'GET', '/');
  });

  it('ends cancelled in the middle of the answer', async () => {
    await expectGivenUp(handlers.body, 'GET', '/body');
  });

  it('ends cancelled in the middle of the request', async () => {
    await expectGivenUp(handlers.upload, 'POST', '/');
  });

  it('ends timeout when that was the reason, which the library does not know', async () => {
    await expectGivenUp(handlers.request, 'GET', '/', 'timeout');
  });

  it('ends failed when the server breaks off', async () => {
    const { handle } = await startTask((task) => handlers.body(task, `${server.url}/body`));
    await server.request('GET', '/body');
    await server[Symbol.asyncDispose]();
    expect((await handle.outcome).status).toBe('failed');
    server = await new HangingServer().listen();
  });
});

/** Ends with the signal by itself: on Node 20 a `fetch` that is aborted goes on pulling. */
function endlessBody(signal: AbortSignal): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) controller.error(signal.reason);
      else controller.enqueue(new Uint8Array(16));
    },
  });
}
