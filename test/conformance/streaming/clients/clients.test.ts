import { describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { createParser } from 'eventsource-parser';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describeWithChromium, launchChromium } from '../../../support/browsers/chromium.js';
import { deferred, eventually, patience, withTimeout } from '../../../support/wait.js';
import {
  adapters,
  closeLater,
  connectRaw,
  createTaskApp,
  epochOf,
  PuppetTask,
  quiet,
  range,
  type TaskApp,
  watchRaw,
} from '../../../support/watching.js';
import { atLineEnds, byteByByte } from './splits.js';

interface Seen {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

const types = ['started', 'n', 'text', 'gap', 'completed', 'cancelled'];

/** The open connections of an application, so that a test can cut them. */
function socketsOf(app: TaskApp): Set<Socket> {
  const sockets = new Set<Socket>();
  (app.app.getHttpServer() as Server).on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

describe('S62 the same bytes, split anywhere', () => {
  /** A whole body with all there can be: a gap, heartbeats, nasty data, the end. */
  async function record(): Promise<Buffer> {
    const task = new PuppetTask({ replay: { events: 4 } });
    const app = await createTaskApp({ tasks: [task.type], options: { http: { heartbeat: 5 } } });
    const puppet = await task.start(app);
    puppet.count(5);
    puppet.send('text', 'a\nb\r\nc\r\u2028 grün 💥 \uD800 event: x\n\n');
    const client = await watchRaw(puppet.url);
    await client.until('event: text');
    puppet.send('text', { 'key\n': ['', ' ', '\uFEFF'] });
    await client.until((received) => received.split(':\n').length > 4);
    await puppet.end('done');
    await client.until((received) => received.endsWith('0\r\n\r\n'));
    return Buffer.from(client.body, 'latin1');
  }

  const splits = (bytes: Buffer): Record<string, Buffer[]> => ({
    whole: [bytes],
    'byte by byte': byteByByte(bytes),
    'at line ends': atLineEnds(bytes),
  });

  type Reader = (chunks: readonly Buffer[]) => Promise<Seen[]>;

  const byParser: Reader = (chunks) => {
    const seen: Seen[] = [];
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ id = '', event = 'message', data }) => {
        seen.push({ id, type: event, data });
      },
    });
    for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
    return Promise.resolve(seen);
  };

  const byEventSource: Reader = async (chunks) => {
    const seen: Seen[] = [];
    const closed = deferred();
    let asked = 0;
    const source = new EventSource('http://127.0.0.1/', {
      fetch: () => {
        asked += 1;
        if (asked > 1) return Promise.resolve(new Response(null, { status: 204 }));
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            controller.enqueue(Buffer.from('retry: 1\n'));
            for (const chunk of chunks) controller.enqueue(chunk);
            controller.enqueue(Buffer.from('retry: 1\n'));
            controller.close();
          },
        });
        return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
      },
    });
    source.addEventListener('error', () => {
      if (source.readyState === source.CLOSED) closed.resolve();
    });
    for (const type of [...types, 'message']) {
      source.addEventListener(type, ({ lastEventId, data }) => {
        seen.push({ id: lastEventId, type, data: data as string });
      });
    }
    await withTimeout(closed.promise, patience, 'the 204 of the second request');
    return seen;
  };

  interface FetchEventSourceParse {
    getBytes(stream: ReadableStream<Uint8Array>, onChunk: (chunk: Uint8Array) => void): Promise<void>;
    getLines(onLine: (line: Uint8Array, fieldLength: number) => void): (chunk: Uint8Array) => void;
    getMessages(
      onId: (id: string) => void,
      onRetry: (retry: number) => void,
      onMessage: (message: { id: string; event: string; data: string }) => void,
    ): (line: Uint8Array, fieldLength: number) => void;
  }
  const { getLines, getMessages } = createRequire(import.meta.url)(
    '@microsoft/fetch-event-source/lib/cjs/parse.js',
  ) as FetchEventSourceParse;

  const byFetchEventSource: Reader = (chunks) => {
    const seen: Seen[] = [];
    const feed = getLines(
      getMessages(
        () => undefined,
        () => undefined,
        ({ id, event, data }) => {
          // It fires an empty message for a blank line without fields: the one that Nest's writer begins with.
          if (data !== '') seen.push({ id, type: event, data });
        },
      ),
    );
    for (const chunk of chunks) feed(chunk);
    return Promise.resolve(seen);
  };

  it('S62 give the same events in eventsource-parser, eventsource and fetch-event-source', async () => {
    const bytes = await record();
    const expected = await byParser([bytes]);
    expect(expected.map(({ type }) => type)).toEqual(['gap', 'n', 'n', 'n', 'text', 'text', 'completed']);
    for (const [how, chunks] of Object.entries(splits(bytes))) {
      for (const read of [byParser, byEventSource, byFetchEventSource]) {
        expect({ how, seen: await read(chunks) }).toEqual({ how, seen: expected });
      }
    }
  });

  it('S62 no blank line is without an event, but the one that Nest writes first', async () => {
    const text = (await record()).toString();
    expect(text.startsWith('\n')).toBe(true);
    const blocks = text.slice(1).split('\n\n');
    expect(blocks.pop()).toBe('');
    for (const block of blocks) {
      const lines = block.split('\n').filter((line) => line !== ':');
      const fields = lines.map((line) => /^[a-z]*/.exec(line)?.[0]);
      expect(fields.slice(-3)).toEqual(['event', 'data', 'id']);
      expect(fields.slice(0, -3).filter((field) => field !== 'retry' && field !== '')).toEqual([]);
    }
  });
});

describe.each(adapters)('clients (%s)', (adapter) => {
  it('S9 an EventSource whose connection is cut again and again misses and repeats nothing', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { retry: 1 } } });
    const sockets = socketsOf(app);
    const puppet = await task.start(app);
    const seen: number[] = [];
    const source = new EventSource(puppet.url);
    closeLater(() => source.close());
    const completed = deferred();
    source.addEventListener('n', ({ data }) => seen.push(Number(data)));
    source.addEventListener('completed', () => {
      source.close();
      completed.resolve();
    });
    for (let round = 0; round < 8; round++) {
      puppet.count(5);
      if (round % 2) await eventually(() => expect(seen.length).toBeGreaterThan(round * 5 - 5));
      for (const socket of sockets) socket.resetAndDestroy();
      puppet.count(5);
    }
    await puppet.end();
    await completed.promise;
    expect(seen).toEqual(range(1, 80));
  });

  it('S65 curl -N shows each event when it is sent, and ends with the stream', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const running = promisify(execFile)('curl', ['-sSN', '-D', '-', '--max-time', '10', puppet.url]);
    let shown = '';
    running.child.stdout?.on('data', (text: string) => {
      shown += text;
    });
    for (let n = 1; n <= 3; n++) {
      puppet.count(1);
      await eventually(() => expect(shown).toContain(`event: n\ndata: ${n}\n`));
    }
    await puppet.end();
    // Rejects when curl finds the transfer incomplete.
    const { stdout } = await running;
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(stdout).toMatch(/event: completed\ndata: \{"finalValue":null\}\nid: [a-z0-9]+-5\n\n$/);
  });

  it('S65 an HTTP/1.0 client gets the stream as well, ended by the end of the connection', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    await puppet.end();
    const client = await connectRaw(app.port);
    client.write(`GET ${new URL(puppet.url).pathname} HTTP/1.0\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await client.closed;
    expect(client.status).toBe(200);
    expect(client.received).toContain('event: completed\n');
    expect(client.received).not.toMatch(/transfer-encoding/i);
  });
});

describeWithChromium('clients (Chromium)', (executablePath) => {
  interface Told {
    readonly seen: Seen[];
    readonly states: number[];
  }

  /** Opens an EventSource in a page of the application's own origin, and tells what it saw when it is closed. */
  async function open(app: TaskApp, url: string): Promise<{ told(): Promise<Told> }> {
    const browser = await launchChromium(executablePath);
    closeLater(() => browser.close());
    const page = await browser.newPage();
    await page.goto(`${app.origin}/no-such-page`);
    await page.evaluate(
      ([path, names]) => {
        const scope = globalThis as unknown as { told: Told; EventSource: typeof EventSource };
        const told: Told = { seen: [], states: [] };
        scope.told = told;
        const source = new scope.EventSource(path);
        for (const type of names) {
          source.addEventListener(type, (event) => {
            told.seen.push({ id: event.lastEventId, type, data: event.data as string });
          });
        }
        source.addEventListener('error', () => {
          told.states.push(source.readyState);
        });
      },
      [url, types] as const,
    );
    return { told: () => page.evaluate(() => (globalThis as unknown as { told: Told }).told) };
  }

  it('S25 S36 sees a gap, makes one more request after the end, and no third', async () => {
    const task = new PuppetTask({ replay: { events: 2 } });
    const app = await createTaskApp({ tasks: [task.type], options: { http: { retry: 10 } } });
    const puppet = await task.start(app);
    puppet.count(4);
    const asked: unknown[] = [];
    (app.app.getHttpServer() as Server).on('request', ({ url = '', headers }) => {
      if (url.startsWith('/stream/')) asked.push(headers['last-event-id']);
    });
    const client = await open(app, puppet.url);
    await eventually(async () => expect((await client.told()).seen).toHaveLength(3));
    await puppet.end(7);
    // Connecting again after the end, then closed by the 204.
    await eventually(async () => expect((await client.told()).states).toEqual([0, 2]));
    await delay(quiet);
    const { seen } = await client.told();
    expect(seen.map(({ type }) => type)).toEqual(['gap', 'n', 'n', 'completed']);
    expect(JSON.parse(seen[0]?.data ?? '')).toMatchObject({ cause: 'expired', missed: 3 });
    expect(asked).toEqual([undefined, `${epochOf(seen[0]!)}-6`]);
  });

  it('S9 whose connection is cut misses and repeats nothing', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], options: { http: { retry: 10 } } });
    const sockets = socketsOf(app);
    const puppet = await task.start(app);
    const client = await open(app, puppet.url);
    const numbers = async (): Promise<number[]> =>
      (await client.told()).seen.filter(({ type }) => type === 'n').map(({ data }) => Number(data));
    for (let round = 1; round <= 3; round++) {
      puppet.count(5);
      await eventually(async () => expect((await numbers()).length).toBeGreaterThanOrEqual(5 * round));
      for (const socket of sockets) socket.resetAndDestroy();
    }
    puppet.count(5);
    await puppet.end();
    await eventually(async () => expect((await client.told()).seen.at(-1)?.type).toBe('completed'));
    expect(await numbers()).toEqual(range(1, 20));
  });
});
