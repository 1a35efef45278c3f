import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { QuickStart } from '../sample/quick-start.js';
import { deferred, withTimeout } from '../support/wait.js';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

interface Snapshot {
  readonly status: string;
  readonly finalValue: unknown;
  readonly error: { readonly message: string } | null;
}

/** Somebody else's server, to download from. */
class Source {
  private constructor(private readonly server: Server) {}

  static async listen(listener: Listener): Promise<Source> {
    const server = createServer(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Source(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    if (this.server.listening) await once(this.server, 'close');
  }
}

describe('the quick start', () => {
  let app: QuickStart;
  const sources: Source[] = [];

  beforeAll(async () => {
    app = await QuickStart.start();
  }, 30_000);

  afterEach(async () => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
  });

  afterAll(async () => {
    await app[Symbol.asyncDispose]();
  });

  async function serve(listener: Listener): Promise<string> {
    const made = await Source.listen(listener);
    sources.push(made);
    return made.url;
  }

  /** Runs a task to its end and gives its last event. */
  async function run(
    name: string,
    input: object,
    timeout?: number,
  ): Promise<{ type: string; data: unknown }> {
    await using stream = await app.watch(await app.task(name, input), timeout);
    expect(await stream.ended).toBe('complete');
    const { type, data } = stream.events.at(-1)!;
    return { type, data };
  }

  test('serves its page, which loads nothing from elsewhere', async () => {
    const page = await fetch(app.url);
    const html = await page.text();
    expect(page.status).toBe(200);
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      expect(link).not.toMatch(/^(?:[a-z]+:)?\/\//);
      expect((await fetch(`${app.url}/${link}`)).status).toBe(200);
    }
  });

  test('offers downloads that it serves itself, and files to count', async () => {
    const { body } = await app.request<{ downloads: { url: string }[]; files: string[] }>('GET', '/demo');
    expect(body.downloads.every(({ url }) => url.startsWith(app.url))).toBe(true);
    expect(body.files).toEqual(expect.arrayContaining(['corpus.txt', 'corpus.txt.gz']));
  });

  test('streams to curl with the line that it prints', async () => {
    const [, line = ''] = /^\s*curl -N (\S+)$/m.exec(app.output) ?? [];
    expect(line).toContain(app.url);
    const curl = spawn('curl', ['-sN', line], { stdio: ['ignore', 'pipe', 'ignore'] });
    const heard = deferred();
    curl.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        process.stderr.write('Skipped: there is no curl\n');
        heard.resolve();
      } else heard.reject(error);
    });
    let text = '';
    curl.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('event: progress')) heard.resolve();
    });
    try {
      await withTimeout(heard.promise, 5_000, () => `progress for curl, which got ${text}`);
    } finally {
      curl.kill();
    }
  });

  describe('FetchTask', () => {
    test('downloads to disk with progress and gives the SHA-256', async () => {
      const bytes = Buffer.alloc(2_000_000, 'some text, ');
      const url = await serve((_request, response) => {
        response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'text/plain' });
        response.write(bytes.subarray(0, 500_000));
        // Later than two progress events may follow each other.
        setTimeout(() => response.end(bytes.subarray(500_000)), 150);
      });
      await using stream = await app.watch(await app.task('FetchTask', { url: `${url}/a/report.txt?v=1` }));
      expect((await stream.next('headers')).data).toEqual({
        status: 200,
        contentType: 'text/plain',
        contentLength: bytes.length,
      });
      const { data: progress } = await stream.next<{ percent: number; bytes: number }>('progress');
      expect(progress.percent).toBeCloseTo((progress.bytes / bytes.length) * 100, 0);
      const { data } = await stream.next<{ finalValue: { file: string } }>('completed');
      expect(data.finalValue).toEqual({
        file: expect.stringMatching(/^report-[0-9a-f]{8}\.txt$/),
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      });
      const written = await readFile(join(app.dataDirectory, data.finalValue.file));
      expect(written.equals(bytes)).toBe(true);
    });

    test('a length that is not known gives progress without a percentage', async () => {
      const url = await serve((_request, response) => {
        response.write('some');
        setTimeout(() => response.end('thing'), 10);
      });
      await using stream = await app.watch(await app.task('FetchTask', { url }));
      expect(Object.keys((await stream.next<object>('progress')).data)).toEqual(['bytes', 'message']);
      expect((await stream.next('completed')).data).toMatchObject({ finalValue: { bytes: 9 } });
    });

    test('cancelled in mid-download: the source sees the connection close within 500 ms, no partial file is left', async () => {
      const closed = deferred<number>();
      const url = await serve((_request, response) => {
        response.writeHead(200, { 'content-length': 1e9 });
        const chunk = Buffer.alloc(16_384);
        const timer = setInterval(() => response.write(chunk), 5);
        response.once('close', () => {
          clearInterval(timer);
          closed.resolve(performance.now());
        });
      });
      const path = await app.task('FetchTask', { url: `${url}/endless.bin` });
      await using stream = await app.watch(path);
      await stream.next('progress');
      expect(await app.files()).toContainEqual(expect.stringMatching(/^endless-.*\.part$/));

      const asked = performance.now();
      const answer = await app.request('DELETE', path);
      expect(answer).toMatchObject({ status: 202, body: { cancelled: true, status: 'cancelling' } });
      expect((await withTimeout(closed.promise, 5_000, 'the close')) - asked).toBeLessThan(500);
      expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'external_cancellation' });
      expect(await stream.ended).toBe('complete');
      // Nothing is waited for: the file went before watchers were told.
      expect((await app.files()).filter((file) => file.startsWith('endless'))).toEqual([]);
    });

    test('cancelled before the source has answered: its connection is closed too', async () => {
      const asked = deferred();
      const closed = deferred();
      const url = await serve((_request, response) => {
        asked.resolve();
        response.once('close', () => closed.resolve());
      });
      const path = await app.task('FetchTask', { url });
      await withTimeout(asked.promise, 5_000, 'the request');
      const { body } = await app.request<Snapshot>('DELETE', `${path}?wait=5000`);
      expect(body.status).toBe('cancelled');
      await withTimeout(closed.promise, 500, 'the close');
    });

    test('an error of the source is told, and leaves no file', async () => {
      const url = await serve((request, response) => {
        if (request.url === '/broken') {
          response.writeHead(200, { 'content-length': 1_000 });
          response.write('half', () => response.destroy());
        } else response.writeHead(503).end('not now');
      });
      const before = await app.files();
      expect(await run('FetchTask', { url })).toEqual({
        type: 'failed',
        data: { message: 'The server answered 503 Service Unavailable', errorType: 'BadGatewayException' },
      });
      expect(await run('FetchTask', { url: `${url}/broken` })).toMatchObject({
        type: 'failed',
        data: { message: expect.stringMatching(/^127\.0\.0\.1:\d+: .*closed/) },
      });
      expect(await run('FetchTask', { url: 'http://nowhere.invalid/' })).toMatchObject({
        type: 'failed',
        data: { message: expect.stringContaining('nowhere.invalid') },
      });
      expect(await app.files()).toEqual(before);
    });

    test.each([
      '/etc/passwd',
      'file:///etc/passwd',
      'ftp://example.com/',
      'http://me:secret@example.com/',
      7,
    ])('refuses %j', async (url) => {
      const { status, body } = await app.request('POST', '/stream/app/FetchTask', { url });
      expect(status).toBe(400);
      expect(body).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: ['url'] }] });
    });

    test('a name in the URL cannot leave the data directory', async () => {
      const url = await serve((_request, response) => response.end('x'));
      const { data } = await run('FetchTask', { url: `${url}/..%2F..%2F.hidden%00` });
      const { file } = (data as { finalValue: { file: string } }).finalValue;
      expect(await app.files()).toContain(file);
      expect(file).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/);
    });
  });

  describe('WordCountTask', () => {
    test('counts a file, packed or not', async () => {
      // Larger than a chunk, so that words and characters are cut.
      const text = 'Zwölf große Wörter, zwölf größere.\n'.repeat(10_000);
      await writeFile(join(app.dataDirectory, 'words.txt'), text);
      await writeFile(join(app.dataDirectory, 'words.txt.gz'), gzipSync(text));
      for (const file of ['words.txt', 'words.txt.gz']) {
        const { data } = await run('WordCountTask', { file });
        expect(data).toEqual({
          finalValue: {
            file,
            words: 50_000,
            top: [
              { word: 'zwölf', count: 20_000 },
              { word: 'große', count: 10_000 },
              { word: 'größere', count: 10_000 },
              { word: 'wörter', count: 10_000 },
            ],
          },
        });
      }
    });

    test('makes its corpus when it is first asked for, the same one everywhere, packed or not', async () => {
      const path = await app.task('WordCountTask', { file: 'corpus.txt' });
      await using stream = await app.watch(path, 60_000);
      const packed = await app.task('WordCountTask', { file: 'corpus.txt.gz' });
      // One at a time.
      expect((await app.request<Snapshot>('GET', `${packed}/status`)).body.status).toBe('pending');
      expect((await stream.next('progress')).data).toMatchObject({
        message: expect.stringContaining('first time'),
      });
      expect((await stream.next('corpus')).data).toEqual({ file: 'corpus.txt', bytes: 50_000_000 });
      await stream.next('completed');
      const percents = stream.events.map(({ data }) => (data as { percent?: number }).percent ?? 0);
      expect(Math.max(...percents)).toBeGreaterThan(90);
      await using second = await app.watch(packed, 60_000);
      await second.next('completed');

      const results = await Promise.all(
        [path, packed].map(
          async (task) => (await app.request<Snapshot>('GET', `${task}/status`)).body.finalValue,
        ),
      );
      for (const result of results) {
        expect(result).toMatchObject({
          words: 7_061_398,
          top: expect.arrayContaining([{ word: 'the', count: 444_381 }]),
        });
      }
    }, 120_000);

    test('a cancel in the middle is heard at once', async () => {
      const path = await app.task('WordCountTask', { file: 'corpus.txt' });
      await using stream = await app.watch(path, 60_000);
      await stream.next('progress');
      const { body } = await app.request<Snapshot>('DELETE', `${path}?wait=1000`);
      expect(body.status).toBe('cancelled');
    }, 60_000);

    test('says what is wrong with a file', async () => {
      await writeFile(join(app.dataDirectory, 'no.gz'), 'not packed');
      await writeFile(join(app.dataDirectory, 'cut.gz'), gzipSync('some words').subarray(0, 15));
      for (const file of ['no.gz', 'cut.gz']) {
        const { type, data } = await run('WordCountTask', { file });
        expect({ type, data }).toMatchObject({
          type: 'failed',
          data: { message: expect.stringContaining('gzip') },
        });
      }
      expect(await run('WordCountTask', { file: 'none.txt' })).toMatchObject({
        type: 'failed',
        data: { message: 'There is no file "none.txt" in the data directory' },
      });
    });

    test.each(['../main.js', '/etc/passwd', '..', '.hidden', 'a/b', 'a\\b', 'x.part', '', null])(
      'refuses %j',
      async (file) => {
        const { status, body } = await app.request('POST', '/stream/app/WordCountTask', { file });
        expect(status).toBe(400);
        expect(body).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: ['file'] }] });
      },
    );
  });

  describe('CountdownTask', () => {
    test('waits half-way until somebody says continue', async () => {
      const path = await app.task('CountdownTask', { seconds: 2 });
      await using stream = await app.watch(path);
      expect((await stream.next('progress')).data).toEqual({ percent: 0, message: '2 …' });
      expect((await stream.next('progress')).data).toMatchObject({ percent: 50, waitingFor: 'continue' });
      await expect(stream.next(undefined, 100)).rejects.toThrow('Not within 100 ms');
      expect((await app.request('POST', `${path}/signals/continue`)).status).toBe(202);
      expect((await stream.next('progress')).data).toEqual({ percent: 50, message: '1 …' });
      expect((await stream.next('completed')).data).toEqual({ finalValue: { counted: 2 } });
    });

    test('is cancelled while it waits', async () => {
      const path = await app.task('CountdownTask', { seconds: 2 });
      await using stream = await app.watch(path);
      await stream.next(({ data }) => (data as { waitingFor?: string }).waitingFor === 'continue');
      await app.request('DELETE', path);
      expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'external_cancellation' });
    });

    test.each([1, 3_601, 2.5, '10'])('refuses %j seconds', async (seconds) => {
      const { status } = await app.request('POST', '/stream/app/CountdownTask', { seconds });
      expect(status).toBe(400);
    });
  });
});

describe('the end of the quick start', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: every client is told, partial files go, and the process ends by itself',
    async (signal) => {
      await using app = await QuickStart.start();
      const download = await app.task('FetchTask', { url: `${app.url}/demo/slow.bin` });
      const paths = [
        download,
        download,
        await app.task('CountdownTask', {}),
        '/stream/app/CountdownTask/hello',
      ];
      const streams = await Promise.all(paths.map((path) => app.watch(path)));
      await Promise.all(streams.map((stream) => stream.next('progress')));
      expect(await app.files()).toHaveLength(1);
      // Neither may hold it up: a connection without a request, as browsers keep one, and a download of somebody else.
      const idle = connect(app.port, '127.0.0.1').on('error', () => undefined);
      const reader = connect(app.port, '127.0.0.1').on('error', () => undefined);
      reader.write('GET /demo/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await Promise.all([once(idle, 'connect'), once(reader, 'data')]);

      const began = performance.now();
      const exit = await app.stop(signal);
      expect(performance.now() - began).toBeLessThan(3_000);
      expect(exit).toEqual({ code: null, signal });
      for (const stream of streams) {
        expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'shutdown' });
        expect(await stream.ended).toBe('complete');
      }
      expect(await app.files()).toEqual([]);
      idle.destroy();
      reader.destroy();
    },
    30_000,
  );

  test('after a restart a task of before is gone', async () => {
    await using first = await QuickStart.start();
    const path = await first.task('CountdownTask', {});
    await first.stop();
    await using second = await QuickStart.start(first.port, first.dataDirectory);
    for (const route of [path, `${path}/status`]) {
      const { status, body } = await second.request('GET', route);
      expect({ status, code: body['code'] }).toEqual({ status: 404, code: 'TASK_NOT_FOUND' });
    }
  }, 30_000);

  test('says so when its port is taken', async () => {
    await using first = await QuickStart.start();
    await expect(QuickStart.start(first.port)).rejects.toThrow(
      `Port ${first.port} is taken; choose another: PORT=${first.port + 1} npm start`,
    );
  }, 30_000);

  test('says so when its port is none', async () => {
    await expect(QuickStart.start(NaN)).rejects.toThrow(/ended with code 1[^]*PORT is "NaN"/);
  }, 30_000);
});
