import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { QuickStart } from '../../sample/quick-start.js';
import { closeBound } from '../../support/wait.js';

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
      expect(performance.now() - began).toBeLessThan(closeBound);
      expect(exit).toEqual({ code: null, signal });
      for (const stream of streams) {
        expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'shutdown' });
        expect(await stream.ended).toBe('complete');
      }
      expect(await app.files()).toEqual([]);
      idle.destroy();
      reader.destroy();
    },
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
  });

  test('says so when its port is taken', async () => {
    await using first = await QuickStart.start();
    await expect(QuickStart.start(first.port)).rejects.toThrow(
      `Port ${first.port} is taken; choose another: PORT=${first.port + 1} npm start`,
    );
  });

  test('says so when its port is none', async () => {
    await expect(QuickStart.start(NaN)).rejects.toThrow(/ended with code 1[^]*PORT is "NaN"/);
  });
});
