import { beforeAll, describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { TaskSnapshot } from 'nestjs-streaming';
import { QuickStart } from '../../sample/quick-start.js';

describe('the quick start', () => {
  let app: QuickStart;

  beforeAll(async () => {
    app = await QuickStart.share();
  });

  describe('WordCountTask', () => {
    test('counts a file, packed or not', async () => {
      // Larger than a chunk, so that words and characters are cut.
      const text = 'Zwölf große Wörter, zwölf größere.\n'.repeat(10_000);
      await writeFile(join(app.dataDirectory, 'words.txt'), text);
      await writeFile(join(app.dataDirectory, 'words.txt.gz'), gzipSync(text));
      for (const file of ['words.txt', 'words.txt.gz']) {
        const { data } = await app.runTask('WordCountTask', { file });
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
      expect((await app.request<TaskSnapshot>('GET', `${packed}/status`)).body.status).toBe('pending');
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
          async (task) => (await app.request<TaskSnapshot>('GET', `${task}/status`)).body.finalValue,
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
      const { body } = await app.request<TaskSnapshot>('DELETE', `${path}?wait=1000`);
      expect(body.status).toBe('cancelled');
    });

    test('says what is wrong with a file', async () => {
      await writeFile(join(app.dataDirectory, 'no.gz'), 'not packed');
      await writeFile(join(app.dataDirectory, 'cut.gz'), gzipSync('some words').subarray(0, 15));
      for (const file of ['no.gz', 'cut.gz']) {
        const { type, data } = await app.runTask('WordCountTask', { file });
        expect({ type, data }).toMatchObject({
          type: 'failed',
          data: { message: expect.stringContaining('gzip') },
        });
      }
      expect(await app.runTask('WordCountTask', { file: 'none.txt' })).toMatchObject({
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
});
