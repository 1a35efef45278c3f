import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { ScopeTimeoutError, type TaskHandler } from 'nestjs-streaming';
import { collect, createTaskApp } from '../../support/app.js';
import { HangingServer } from '../../support/hanging-server.js';
import { closeBound, deferred, eventually, patience, withTimeout } from '../../support/wait.js';
import { page } from '../support/documents.js';
import { Examples, expectCancelled, startTask } from '../support/examples.js';

type TaskType = Type<TaskHandler>;

const guide = new Examples(page('cancellation'));

describe('the tools in the guide to cancellation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guide-'));
  const fileOf = (name: string): string => join(folder, name);
  let server: HangingServer;

  beforeAll(async () => {
    server = await new HangingServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      if (pathname === '/broken') response.destroy();
      else if (pathname !== '/silent') response.end(searchParams.get('answer') ?? pathname.slice(1));
    }).listen();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('signal', async () => {
    writeFileSync(fileOf('letter'), 'hello');
    const { handle } = await guide.start('signal', { file: fileOf('letter'), to: `${server.url}/put` });
    await expect(handle.result).resolves.toEqual({ status: 200 });
    await expectHangingCancelled('signal', { file: fileOf('letter'), to: `${server.url}/silent` });
  });

  /** Starts a task that asks the server for what it never answers, and cancels it there. */
  async function expectHangingCancelled(name: string, input: object): Promise<void> {
    server.requests.splice(0);
    const started = await guide.start(name, input);
    await eventually(() => server.requests.some((request) => request.endsWith('/silent')));
    await expectCancelled(started);
  }

  test('checkpoints', async () => {
    const file = fileOf('rows');
    const { handle } = await guide.start('checkpoints', { file, rows: 3 });
    await expect(handle.result).resolves.toEqual({ checksum: expect.any(Number) });
    expect(readFileSync(file, 'utf8')).toBe('0\n1\n2\n');
    const started = await guide.start('checkpoints', { file, rows: 1e9 });
    await expectCancelled(started);
    expect(readFileSync(file, 'utf8').endsWith('\n')).toBe(true);
  });

  test('waitFor: the waiting stops, what is waited for goes on', async () => {
    const { SearchIndex, SearchTask } = await guide.load<{ SearchIndex: Type; SearchTask: TaskType }>(
      'search.task.ts',
    );
    const { handle } = await startTask(SearchTask, { word: 'amber' }, { providers: [SearchIndex] });
    await expect(handle.result).resolves.toEqual({ found: 3 });

    const built = deferred<Map<string, number>>();
    const useValue = { get: () => built.promise };
    const stub = { provide: SearchIndex, useValue };
    const { coordinator } = await createTaskApp({ tasks: [SearchTask], providers: [stub], listen: false });
    const [one, two] = await Promise.all(
      ['amber', 'birch'].map(async (word) => {
        const started = await coordinator.start(SearchTask, { word });
        const events = collect(started.events());
        await events.until('started');
        return { handle: started, events };
      }),
    );
    await expectCancelled(one!);
    built.resolve(new Map([['birch', 1]]));
    await expect(two!.handle.result).resolves.toEqual({ found: 1 });
  });

  test('onCancel: the socket is destroyed', async () => {
    const closed = deferred();
    const opened = deferred();
    const silent = createServer((socket) => {
      opened.resolve();
      socket.on('error', () => undefined).once('close', () => closed.resolve());
      socket.write('half', () => undefined);
      socket.resume();
    });
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const started = await guide.start('on-cancel', { port });
    await opened.promise;
    await expectCancelled(started);
    await withTimeout(closed.promise, patience, 'the close of the socket');
    silent.close();
  });

  test('timeout: the next one is tried', async () => {
    const mirrors = [`${server.url}/silent`, `${server.url}/there`];
    const { handle, events } = await guide.start('timeout', { mirrors });
    await expect(handle.result).resolves.toEqual({ from: mirrors[1], text: 'there' });
    expect(events.types).toContain('too-slow');
    await expectHangingCancelled('timeout', { mirrors });
  });

  test('reschedule: the limit is for silence', async () => {
    let last = false;
    await using slow = await new HangingServer((request, response) => {
      const timer = setInterval(() => response.write('x'), 60);
      response.once('close', () => clearInterval(timer));
      if (request.url === '/stops') setTimeout(() => clearInterval(timer), 150);
      else
        setTimeout(() => {
          last = true;
          response.end('!');
        }, 600);
    }).listen();
    const { handle } = await guide.start('reschedule', { url: slow.url });
    await expect(handle.result).resolves.toEqual({ bytes: expect.any(Number) });
    expect(last).toBe(true);
    const stopped = await guide.start('reschedule', { url: `${slow.url}/stops` });
    expect((await stopped.handle.outcome).error).toBeInstanceOf(ScopeTimeoutError);
  });

  test('scope: skipped, the task goes on', async () => {
    const Example = await guide.method('scope');
    const { coordinator } = await createTaskApp({ tasks: [Example], listen: false });
    const handle = await coordinator.start(Example, {});
    await collect(handle.events()).until('started');
    await coordinator.signal(handle.ref, 'skip');
    await expect(handle.result).resolves.toEqual({ preview: null });
    await expectCancelled(await guide.start('scope'));
  });

  test('group: what it still waits for is given up', async () => {
    const quick = `${server.url}/quick`;
    const { handle } = await guide.start('group', { urls: [quick, quick] });
    await expect(handle.result).resolves.toEqual([200, 200]);
    await expectHangingCancelled('group', { urls: [quick, `${server.url}/silent`] });
  });

  test('workers: no more at once than there are', async () => {
    let atOnce = 0;
    let most = 0;
    await using slow = await new HangingServer((_request, response) => {
      most = Math.max(most, ++atOnce);
      setTimeout(() => {
        atOnce--;
        response.end('four');
      }, 20);
    }).listen();
    const { handle } = await guide.start('workers', { urls: Array.from({ length: 10 }, () => slow.url) });
    await expect(handle.result).resolves.toEqual({ bytes: 40 });
    expect(most).toBe(3);
    await expectHangingCancelled('workers', { urls: [`${server.url}/silent`] });
  });

  test('race: the first answer is enough', async () => {
    const servers = [`${server.url}/silent`, `${server.url}/quick`];
    const { handle } = await guide.start('race', { servers });
    await expect(handle.result).resolves.toEqual({ server: servers[1], text: 'quick' });
    await expectHangingCancelled('race', { servers: [servers[0]] });
  });

  test('all', async () => {
    await using api = await new HangingServer((request, response) => {
      response.end(request.url === '/user' ? 'ada' : '7');
    }).listen();
    const { handle } = await guide.start('all', { api: api.url });
    await expect(handle.result).resolves.toEqual({ user: 'ada', orders: 7 });
  });

  test('shield: the lock is given back', async () => {
    const { handle, events } = await guide.start('shield', { locks: `${server.url}/lock` });
    await server.request('POST', '/lock');
    await expectCancelled({ handle, events });
    expect(server.requests).toContain('DELETE /lock');
  });

  test('commit: cancelled before it, refused from then on', async () => {
    const { handle, events } = await guide.start('commit', { orders: `${server.url}/receipt` });
    await expect(handle.result).resolves.toEqual({ receipt: 'receipt' });
    expect(events.types.at(-1)).toBe('completed');
    await expectCancelled(await guide.start('commit', { orders: `${server.url}/silent` }));

    const answer = deferred();
    await using slow = await new HangingServer((_request, response) => {
      void answer.promise.then(() => response.end('paid'));
    }).listen();
    const paying = await guide.start('commit', { orders: slow.url });
    await slow.request('POST');
    expect(await paying.handle.cancel()).toBe(false);
    answer.resolve();
    await expect(paying.handle.result).resolves.toEqual({ receipt: 'paid' });
  });

  test('retry: until it works, and not after a cancellation', async () => {
    let calls = 0;
    await using busy = await new HangingServer((_request, response) => {
      calls++;
      response.writeHead(calls < 3 ? 503 : 200).end('at last');
    }).listen();
    const { handle } = await guide.start('retry', { url: busy.url });
    await expect(handle.result).resolves.toEqual({ text: 'at last' });
    expect(calls).toBe(3);
    await expectHangingCancelled('retry', { url: `${server.url}/silent` });
  });

  test('defer', async () => {
    const started = await guide.start('defer', { folder, server: `${server.url}/outcome` });
    await eventually(() => readdirSync(folder).some((name) => existsSync(join(folder, name, 'part'))));
    await expectCancelled(started);
    expect(server.requests).toContain('POST /outcome');
    expect(readdirSync(folder).filter((name) => name.startsWith('job-'))).toEqual([]);
  });

  test('defer: the next try removes what one that was killed has left', async () => {
    const Example = await guide.method('defer');
    const { coordinator } = await createTaskApp({ tasks: [Example], listen: false });
    mkdirSync(join(folder, 'job-again'));
    writeFileSync(join(folder, 'job-again', 'old'), '');
    const input = { folder, server: `${server.url}/outcome` };
    const handle = await coordinator.start(Example, input, { id: 'again' });
    await eventually(() => existsSync(join(folder, 'job-again', 'part')));
    expect(readdirSync(join(folder, 'job-again'))).toEqual(['part']);
    await handle.cancel({ wait: 'settled' });
    expect(existsSync(join(folder, 'job-again'))).toBe(false);
  });

  test('uncancel: what there is so far', async () => {
    const { handle } = await guide.start('uncancel');
    await handle.cancel({ detail: 'that will do' });
    await expect(handle.result).resolves.toEqual({ rows: expect.any(Number) });
    await expectCancelled(await guide.start('uncancel'));
  });

  test('outside of a task', async () => {
    const { isUp, HealthService } = await guide.load<{
      isUp(url: string): Promise<boolean>;
      HealthService: Type<{ isUp: boolean }>;
    }>('health.service.ts');
    expect(await Promise.all([isUp(server.url), isUp(`${server.url}/broken`)])).toEqual([true, false]);
    process.env['HEALTH_URL'] = server.url;
    try {
      const { app } = await createTaskApp({ providers: [HealthService], listen: false });
      const health = app.get<{ isUp: boolean }>(HealthService);
      await eventually(() => health.isUp);
      const began = performance.now();
      await app.close();
      expect(performance.now() - began).toBeLessThan(closeBound);
    } finally {
      delete process.env['HEALTH_URL'];
    }
  });

  test('a service below the handler', async () => {
    process.env['PRICES_URL'] = server.url;
    try {
      const { PricesService, QuoteTask } = await guide.load<{
        PricesService: Type<{ of(article: string): Promise<number> }>;
        QuoteTask: TaskType;
      }>('prices.service.ts');
      const app = { providers: [PricesService] };
      const articles = ['a?answer=2', 'b?answer=3'];
      const { handle } = await startTask(QuoteTask, { articles }, app);
      await expect(handle.result).resolves.toEqual({ sum: 5 });
      expect(await new PricesService().of('c?answer=4')).toBe(4);
      server.requests.splice(0);
      const started = await startTask(QuoteTask, { articles: ['silent'] }, app);
      await server.request('GET', '/silent');
      await expectCancelled(started);
    } finally {
      delete process.env['PRICES_URL'];
    }
  });

  describe('the traps', () => {
    test('a catch', async () => {
      const broken = `${server.url}/broken`;
      const { handle } = await guide.start('catch', { urls: [broken] });
      await expect(handle.result).resolves.toEqual({ broken: [broken] });
      await expectHangingCancelled('catch', { urls: [`${server.url}/silent`] });
    });

    test('cleanup that waits', async () => {
      const started = await guide.start('cleanup');
      await expectCancelled(started);
      expect(started.events.types).toEqual(['started', 'cleaning-up', 'clean', 'cancelled']);
    });

    test('waiting for another task: cancelled with the one that waits', async () => {
      const { BatchTask, PartTask } =
        await guide.load<Record<'BatchTask' | 'PartTask', TaskType>>('batch.task.ts');
      const app = await createTaskApp({ tasks: [BatchTask, PartTask], listen: false });
      const { coordinator } = app;
      const done = await coordinator.start(BatchTask, { parts: [1, 2] });
      await expect(done.result).resolves.toEqual([1, 2]);
      const handle = await coordinator.start(BatchTask, { parts: [1_000, 2_000] });
      const running = async (): Promise<number> =>
        (await coordinator.list({ name: 'PartTask', status: 'running' })).items.length;
      await eventually(async () => (await running()) === 2);
      await expectCancelled({ handle, events: collect(handle.events()) });
      expect(await running()).toBe(0);
    });
  });
});
