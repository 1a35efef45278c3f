import { afterEach, describe, expect, test } from '@jest/globals';
import type { RequestListener, ServerResponse } from 'node:http';
import { HangingServer } from '../hanging-server.js';
import { deferred } from '../wait.js';
import { openStream, type OpenStreamOptions, type SseStream } from './sse.js';

describe('openStream', () => {
  const servers: HangingServer[] = [];

  async function open(listener: RequestListener, options?: OpenStreamOptions): Promise<SseStream> {
    const server = await new HangingServer(listener).listen();
    servers.push(server);
    return openStream(server.url, options);
  }

  function sse(body: (response: ServerResponse) => void): RequestListener {
    return (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      body(response);
    };
  }

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server[Symbol.asyncDispose]()));
  });

  test('reads events, retry and comments, and tells that the server ended the response', async () => {
    const stream = await open(
      sse((response) => {
        response.write('retry: 2000\n: connected\nevent: started\ndata: {"attempt":1}\nid: a-1\n\n');
        response.end(':\ndata: not json\n\nevent: completed\ndata: {"finalValue":null}\nid: a-2\n\n');
      }),
    );
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('text/event-stream');
    expect(await stream.nextEvents(3)).toEqual([
      { id: 'a-1', type: 'started', data: { attempt: 1 }, raw: '{"attempt":1}' },
      { id: undefined, type: 'message', data: undefined, raw: 'not json' },
      { id: 'a-2', type: 'completed', data: { finalValue: null }, raw: '{"finalValue":null}' },
    ]);
    expect(await stream.ended).toBe('complete');
    expect(stream.retry).toBe(2000);
    expect(stream.comments).toBe(2);
    expect(stream.lastEventId).toBe('a-2');
    expect(stream.raw).toContain(': connected\n');
  });

  test('puts together frames and characters that were cut anywhere', async () => {
    const bytes = Buffer.from('event: progress\ndata: {"text":"grün"}\nid: a-1\n\n');
    const stream = await open(
      sse((response) => {
        void (async () => {
          for (const byte of bytes) {
            response.write(Buffer.of(byte));
            await new Promise(setImmediate);
          }
          response.end();
        })();
      }),
    );
    expect(await stream.next('progress')).toMatchObject({ id: 'a-1', data: { text: 'grün' } });
    expect(await stream.ended).toBe('complete');
    expect(stream.events).toHaveLength(1);
  });

  test('an unfinished frame at the end is no event', async () => {
    const stream = await open(sse((response) => response.end('data: 1\n\ndata: 2\nid: a-2')));
    expect(await stream.ended).toBe('complete');
    expect(stream.events.map((event) => event.data)).toEqual([1]);
  });

  test('a wait takes each event once and passes over those that do not match', async () => {
    const stream = await open(
      sse((response) => {
        for (const n of [1, 2, 3, 4]) response.write(`event: ${n % 2 ? 'odd' : 'even'}\ndata: ${n}\n\n`);
      }),
    );
    expect(await stream.next('even')).toMatchObject({ data: 2 });
    expect(await stream.next((event) => event.data === 4)).toMatchObject({ type: 'even' });
    await expect(stream.next(undefined, 20)).rejects.toThrow(/Not within 20 ms: an event;.*4 events/);
    await stream.close();
  });

  test('a wait that fails tells what had come', async () => {
    const stream = await open(sse((response) => response.write('event: started\ndata: {"attempt":1}\n\n')));
    await expect(stream.next('completed', 50)).rejects.toThrow(/"completed"[^]*data: {"attempt":1}/);
    await expect(stream.nextEvents(2, 20)).rejects.toThrow('Not within 20 ms: 2 events');
    await stream.close();
    await expect(stream.next('completed')).rejects.toThrow('The stream is over without');
  });

  test('ended is bounded', async () => {
    const stream = await open(
      sse((response) => response.write(':\n')),
      { timeout: 50 },
    );
    await expect(stream.ended).rejects.toThrow('Not within 50 ms: the end of the stream');
    expect(stream.isOpen).toBe(true);
    await stream.close();
  });

  test('rejects when no headers come', async () => {
    await expect(open(() => undefined, { timeout: 50 })).rejects.toThrow('Not within 50 ms: headers of GET');
  });

  test('a connection that breaks is told from one that ends', async () => {
    const stream = await open(
      sse((response) => {
        response.write('data: 1\n\n', () => response.destroy());
      }),
    );
    expect(await stream.ended).toBe('cut');
    expect(await stream.next()).toMatchObject({ data: 1 });
    await stream.close();
  });

  test('close drops the connection, and the server sees it', async () => {
    const dropped = deferred();
    const stream = await open(
      sse((response) => {
        response.on('close', () => {
          dropped.resolve();
        });
        response.write('data: 1\n\n');
      }),
    );
    await stream.next();
    await stream.close();
    await dropped.promise;
    expect(await stream.ended).toBe('closed');
  });

  test('an answer that is no stream has a body and no events', async () => {
    const stream = await open((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"code":"TASK_NOT_FOUND"}');
    });
    expect(stream.status).toBe(404);
    expect(await stream.json()).toEqual({ code: 'TASK_NOT_FOUND' });
    expect(stream.events).toEqual([]);
  });

  test('sends the method and the headers', async () => {
    const stream = await open(
      (request, response) => {
        response
          .writeHead(204, { 'x-seen': [request.method, request.headers['last-event-id']].join(' ') })
          .end();
      },
      { method: 'HEAD', headers: { 'last-event-id': 'a-7' } },
    );
    expect(stream.headers['x-seen']).toBe('HEAD a-7');
    expect(await stream.ended).toBe('complete');
  });

  test('a paused stream holds the server back', async () => {
    const stalled = deferred();
    const stream = await open(
      sse((response) => {
        const frame = `data: "${'x'.repeat(65_536)}"\n\n`;
        const fill = (): void => {
          while (response.write(frame));
          const timer = setTimeout(() => {
            response.off('drain', again);
            stalled.resolve();
          }, 100);
          const again = (): void => {
            clearTimeout(timer);
            fill();
          };
          response.once('drain', again);
        };
        fill();
      }),
    );
    stream.pause();
    await stalled.promise;
    const before = stream.events.length;
    stream.resume();
    await stream.next((event) => stream.events.indexOf(event) > before);
    await stream.close();
  });
});
