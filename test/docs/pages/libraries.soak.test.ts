import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Type } from '@nestjs/common';
import type { TaskHandler } from 'nestjs-streaming';
import { taskHarness } from 'nestjs-streaming/testing';
import { Pool } from 'pg';
import { HangingServer } from '../../support/hanging-server.js';
import { describeWithPostgres, findPostgres } from '../../support/programs/postgres.js';
import { isRunning } from '../../support/programs/processes.js';
import { eventually, patience, withTimeout } from '../../support/wait.js';
import { page } from '../support/documents.js';
import { Examples, expectCancelled, startTask, type Started } from '../support/examples.js';

type TaskType = Type<TaskHandler>;

describe('the page on library calls', () => {
  const examples = new Examples(page('libraries'));
  const folder = mkdtempSync(join(tmpdir(), 'readme-'));
  const start = (name: string, input?: unknown): Promise<Started> => examples.start(name, input);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(['fetch', 'axios'])('%s: the request is given up', async (name) => {
    await using server = await new HangingServer().listen();
    const started = await start(name, { url: server.url });
    await server.request('GET');
    await expectCancelled(started);
    await server.connectionClosed;
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

  test('lines of a file: the next try goes on at the byte behind the last one', async () => {
    const file = join(folder, 'lines');
    writeFileSync(file, 'é\nbb\nccc\n');
    await using harness = taskHarness(await examples.method('read-lines'));
    const run = await harness.start({ file }, { checkpoint: 3 });
    expect((await run.finish()).value).toEqual({ bytes: 10 });
    const lines = run.events.filter(({ type }) => type === 'line').map(({ data }) => data);
    expect(lines).toEqual([{ line: 'bb' }, { line: 'ccc' }]);

    writeFileSync(file, 'line\n'.repeat(1_000_000));
    await expectCancelled(await start('read-lines', { file }));
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
      expect(await withTimeout(exited, patience, 'the end of the child')).toEqual([null, 'SIGTERM']);
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

  test('runInWorker', async () => {
    const { PrimesTask } = await examples.load<{ PrimesTask: TaskType }>('primes.task.ts');
    const { default: primes } = await examples.load<{ default: unknown }>('primes.ts');
    expect(primes).toBeInstanceOf(Function);
    const { handle } = await startTask(PrimesTask, { upTo: 100 });
    await expect(handle.result).resolves.toEqual({ primes: 25 });
    await expectCancelled(await startTask(PrimesTask, { upTo: 1e9 }));
  });

  test('abortable', async () => {
    const { handle } = await examples.start('abortable', { prices: 4 });
    await expect(handle.result).resolves.toEqual({ sum: 6 });
    await expectCancelled(await examples.start('abortable', { prices: 1e6 }));
  });

  if (findPostgres() === undefined) examples.leaveOut('report-query.task.ts');

  describeWithPostgres('runQuery, in the guide', (database) => {
    const pools: Pool[] = [];

    afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.end())));

    test('ends on the server', async () => {
      const { ReportQueryTask } = await examples.load<{ ReportQueryTask: TaskType }>('report-query.task.ts');
      const pool = new Pool({ ...database.config, max: 2 });
      pool.on('error', () => undefined); // `end()` does not wait for connections, and the server may end first
      pools.push(pool);
      const app = { providers: [{ provide: Pool, useValue: pool }] };
      const { handle } = await startTask(ReportQueryTask, { seconds: 0.01 }, app);
      await expect(handle.result).resolves.toEqual({ slept: 0.01 });
      const sleeping = async (): Promise<number> => {
        const query = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%slept, pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()`;
        return (await pool.query(query)).rows.length;
      };
      const started = await startTask(ReportQueryTask, { seconds: 600 }, app);
      await eventually(async () => (await sleeping()) === 1);
      await expectCancelled(started);
      expect(await sleeping()).toBe(0);
    });
  });
});
