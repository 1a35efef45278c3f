import { beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskSnapshot } from 'nestjs-streaming';
import { QuickStart } from '../../sample/quick-start.js';
import { HangingServer } from '../../support/hanging-server.js';
import { deferred, patience, withTimeout } from '../../support/wait.js';

describe('the quick start', () => {
  let app: QuickStart;

  beforeAll(async () => {
    app = await QuickStart.share();
  });

  describe('FetchTask', () => {
    test('downloads to disk with progress and gives the SHA-256', async () => {
      const bytes = Buffer.alloc(2_000_000, 'some text, ');
      const rest = deferred();
      await using source = await new HangingServer((_request, response) => {
        response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'text/plain' });
        response.write(bytes.subarray(0, 500_000));
        void rest.promise.then(() => response.end(bytes.subarray(500_000)));
      }).listen();
      await using stream = await app.watch(
        await app.task('FetchTask', { url: `${source.url}/a/report.txt?v=1` }),
      );
      expect((await stream.next('headers')).data).toEqual({
        status: 200,
        contentType: 'text/plain',
        contentLength: bytes.length,
      });
      const { data: progress } = await stream.next<{ percent: number; bytes: number }>('progress');
      expect(progress.percent).toBeCloseTo((progress.bytes / bytes.length) * 100, 0);
      rest.resolve();
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
      await using source = await new HangingServer((_request, response) => {
        response.write('some');
        setTimeout(() => response.end('thing'), 10);
      }).listen();
      await using stream = await app.watch(await app.task('FetchTask', { url: source.url }));
      expect(Object.keys((await stream.next<object>('progress')).data)).toEqual(['bytes', 'message']);
      expect((await stream.next('completed')).data).toMatchObject({ finalValue: { bytes: 9 } });
    });

    test('cancelled in mid-download: the source sees the connection close at once, no partial file is left', async () => {
      const closed = deferred();
      await using source = await new HangingServer((_request, response) => {
        response.writeHead(200, { 'content-length': 1e9 });
        const chunk = Buffer.alloc(16_384);
        const timer = setInterval(() => response.write(chunk), 5);
        response.once('close', () => {
          clearInterval(timer);
          closed.resolve();
        });
      }).listen();
      const path = await app.task('FetchTask', { url: `${source.url}/endless.bin` });
      await using stream = await app.watch(path);
      await stream.next('progress');
      expect(await app.files()).toContainEqual(expect.stringMatching(/^endless-.*\.part$/));

      const answer = await app.request('DELETE', path);
      expect(answer).toMatchObject({ status: 202, body: { cancelled: true, status: 'cancelling' } });
      await withTimeout(closed.promise, patience, 'the close');
      expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'external_cancellation' });
      expect(await stream.ended).toBe('complete');
      // Nothing is waited for: the file went before watchers were told.
      expect((await app.files()).filter((file) => file.startsWith('endless'))).toEqual([]);
    });

    test('cancelled before the source has answered: its connection is closed too', async () => {
      await using source = await new HangingServer().listen();
      const path = await app.task('FetchTask', { url: source.url });
      await source.request('GET');
      const { body } = await app.request<TaskSnapshot>('DELETE', `${path}?wait=5000`);
      expect(body.status).toBe('cancelled');
      await withTimeout(source.connectionClosed, patience, 'the close');
    });

    test('an error of the source is told, and leaves no file', async () => {
      await using source = await new HangingServer((request, response) => {
        if (request.url === '/broken') {
          response.writeHead(200, { 'content-length': 1_000 });
          response.write('half', () => response.destroy());
        } else response.writeHead(503).end('not now');
      }).listen();
      const before = await app.files();
      expect(await app.runTask('FetchTask', { url: source.url })).toEqual({
        type: 'failed',
        data: { message: 'The server answered 503 Service Unavailable', errorType: 'BadGatewayException' },
      });
      expect(await app.runTask('FetchTask', { url: `${source.url}/broken` })).toMatchObject({
        type: 'failed',
        data: { message: expect.stringMatching(/^127\.0\.0\.1:\d+: .*closed/) },
      });
      expect(await app.runTask('FetchTask', { url: 'http://nowhere.invalid/' })).toMatchObject({
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
      await using source = await new HangingServer((_request, response) => response.end('x')).listen();
      const { data } = await app.runTask('FetchTask', { url: `${source.url}/..%2F..%2F.hidden%00` });
      const { file } = (data as { finalValue: { file: string } }).finalValue;
      expect(await app.files()).toContain(file);
      expect(file).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/);
    });
  });
});
