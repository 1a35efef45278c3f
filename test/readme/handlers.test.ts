import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { collect, createTaskApp } from '../support/app.js';
import { HangingServer } from '../support/hanging-server.js';
import { isRunning } from '../support/programs/processes.js';
import { eventually, withTimeout } from '../support/wait.js';
import { readme } from './documents.js';
import { Examples, expectCancelled, type Started } from './examples.js';

describe('the handlers of the README', () => {
  const examples = new Examples(readme, 'method');
  const folder = mkdtempSync(join(tmpdir(), 'readme-'));
  const start = (name: string, input?: unknown): Promise<Started> => examples.start(name, input);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('an async generator sends what it yields', async () => {
    const { handle, events } = await start('generator', { files: ['a', 'b'] });
    await expect(handle.result).resolves.toEqual({ files: 2 });
    const progress = (await events.done).filter(({ type }) => type === 'progress').map(({ data }) => data);
    expect(progress).toEqual([
      { percent: 50, message: 'a' },
      { percent: 100, message: 'b' },
    ]);
    await expectCancelled(await start('generator', { files: ['a', 'b'] }));
  });

  test('an Observable sends what it emits', async () => {
    const { handle, events } = await start('observable', { steps: 4 });
    await expect(handle.result).resolves.toEqual({ percent: 100 });
    const percents = (await events.done).filter(({ type }) => type === 'progress').map(({ data }) => data);
    expect(percents).toEqual([25, 50, 75, 100].map((percent) => ({ percent })));
    await expectCancelled(await start('observable', { steps: 1_000 }));
  });

  test('a handler waits for a signal', async () => {
    const Example = await examples.method('approval');
    const { coordinator } = await createTaskApp({ tasks: [Example], listen: false });
    const handle = await coordinator.start({ app: 'readme', name: 'approval' }, { amount: 12 });
    await collect(handle.events()).until('approval-needed');
    expect(await coordinator.signal(handle.ref, 'approval', { approved: true })).toBe(true);
    await expect(handle.result).resolves.toEqual({ paid: 12 });
    await expectCancelled(await start('approval', { amount: 12 }));
  });

  test.each(['fetch', 'axios'])('%s: the request is given up', async (name) => {
    await using server = await new HangingServer().listen();
    const started = await start(name, { url: server.url });
    await server.request('GET');
    await expectCancelled(started);
    await server.connectionClosed;
  });

  test('a group: what it still waits for is given up', async () => {
    await using server = await new HangingServer((request, response) => {
      if (request.url === '/quick') response.end();
    }).listen();
    const quick = `${server.url}/quick`;
    const { handle } = await start('group', { urls: [quick, quick] });
    await expect(handle.result).resolves.toEqual([200, 200]);
    const started = await start('group', { urls: [quick, server.url] });
    await server.request('GET');
    await expectCancelled(started);
  });

  test('pipeline: all streams are destroyed, and the half of a file is removed', async () => {
    const to = join(folder, 'zeros.gz');
    const started = await start('pipeline', { from: '/dev/zero', to });
    await eventually(() => existsSync(to));
    await expectCancelled(started);
    expect(existsSync(to)).toBe(false);
  });

  test('pipeline: what was completed stays', async () => {
    const from = join(folder, 'text');
    writeFileSync(from, 'hello');
    const { handle } = await start('pipeline', { from, to: `${from}.gz` });
    await expect(handle.result).resolves.toBeNull();
    expect(String(gunzipSync(readFileSync(`${from}.gz`)))).toBe('hello');
  });

  test('timers', async () => {
    await expectCancelled(await start('timers'));
  });

  test('events', async () => {
    await expectCancelled(await start('events', { folder }));
    const { handle } = await start('events', { folder });
    writeFileSync(join(folder, 'letter'), '');
    await expect(handle.result).resolves.toEqual({ file: 'letter' });
  });

  describe('child processes', () => {
    const children: ChildProcess[] = [];
    const onChild = (message: unknown): void =>
      void children.push((message as { process: ChildProcess }).process);

    beforeAll(() => subscribe('child_process', onChild));
    afterAll(() => void unsubscribe('child_process', onChild));
    afterEach(() => void children.splice(0));

    test('spawn: the child gets its signal', async () => {
      const started = await start('spawn');
      const [child] = children;
      const exited = new Promise((resolve) => {
        child!.once('exit', (...how) => {
          resolve(how);
        });
      });
      await expectCancelled(started);
      expect(await withTimeout(exited, 2_000, 'the end of the child')).toEqual([null, 'SIGTERM']);
    });

    test('runProcess: what it writes is told, and what it started is gone when the task is over', async () => {
      const { handle, events } = await start('run-process', { script: 'echo hello; exit 1' });
      await expect(handle.result).resolves.toEqual({ exitCode: 1 });
      expect(events.events).toContainEqual(expect.objectContaining({ type: 'stdout', data: 'hello' }));

      const started = await start('run-process', { script: 'sleep 60 & echo $!; wait' });
      const { data: pid } = await started.events.until('stdout');
      expect(isRunning(Number(pid))).toBe(true);
      await expectCancelled(started);
      expect(isRunning(Number(pid))).toBe(false);
    });
  });

  test('a loop that computes', async () => {
    await expect((await start('cpu', { upTo: 5 })).handle.result).resolves.toBeCloseTo(6.146);
    await expectCancelled(await start('cpu', { upTo: 1e12 }));
  });

  test('a library that knows no signal', async () => {
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const started = await start('no-signal', {
      host: 'example.com',
      servers: [`127.0.0.1:${silent.address().port}`],
    });
    await once(silent, 'message');
    await expectCancelled(started);
    silent.close();
  });

  test('cleanup: a deferred request is still made', async () => {
    await using server = await new HangingServer((request, response) => {
      if (request.method === 'DELETE') response.end();
    }).listen();
    const started = await start('cleanup', { server: server.url });
    const path = `/uploads/${started.handle.id}`;
    await server.request('PUT', path);
    await expectCancelled(started);
    expect(server.requests).toEqual([`PUT ${path}`, `DELETE ${path}`]);
  });

  test('a catch lets the cancellation through, and nothing else', async () => {
    await using server = await new HangingServer((request, response) => {
      if (request.url === '/broken') response.destroy();
    }).listen();
    const broken = `${server.url}/broken`;
    const { handle } = await start('catch', { urls: [broken, broken] });
    await expect(handle.result).resolves.toEqual({ failed: 2 });
    const started = await start('catch', { urls: [server.url] });
    await server.request('GET');
    await expectCancelled(started);
  });
});
