import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type INestApplication, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { EventSource } from 'eventsource';
import type { TaskContext, TaskHandle, TaskHandler } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask } from '../support/app.js';
import { openStream } from '../support/clients/sse.js';
import { RecordingLogger } from '../support/logs.js';
import { eventually } from '../support/wait.js';
import { commandsOf, runCurl } from './curl.js';
import { readme, ROOT } from './documents.js';
import { Examples } from './examples.js';

type TaskType = Type<TaskHandler>;

interface ReportsService {
  start(month: string, owner: string): Promise<{ id: string; created: boolean }>;
  render(month: string): Promise<string>;
  cancel(month: string): Promise<boolean>;
}

describe('the modules of the README', () => {
  const examples = new Examples(readme, 'file');
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);
  let listening: INestApplication | undefined;

  examples.leaveOut('main.ts');

  afterEach(async () => {
    await listening?.close();
    listening = undefined;
  });

  async function start(task: TaskType, input: unknown): Promise<TaskHandle> {
    const { coordinator } = await createTaskApp({ tasks: [task], listen: false });
    return coordinator.start(task, input);
  }

  /** Starts an application of the README, and returns where it is. */
  async function listen(module: Type): Promise<string> {
    const app = await NestFactory.create(module, { logger: new RecordingLogger(), abortOnError: false });
    listening = app;
    await app.listen(0, '127.0.0.1');
    return `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`;
  }

  test('a task that is an async function', async () => {
    const { ReportTask } = await load<{ ReportTask: TaskType }>('report.task.ts');
    const handle = await start(ReportTask, { month: '2026-11' });
    const events = await collect(handle.events()).done;
    expect(events.map(({ type }) => type)).toEqual(['started', 'part', 'part', 'part', 'completed']);
    await expect(handle.result).resolves.toEqual({ url: '/reports/2026-11.pdf' });
  });

  test('input by zod', async () => {
    const { ResizeTask } = await load<{ ResizeTask: TaskType }>('resize.task.ts');
    const { coordinator } = await createTaskApp({ tasks: [ResizeTask], listen: false });
    const handle = await coordinator.start(ResizeTask, { image: 'a.png', width: 100 });
    await expect(handle.result).resolves.toEqual({ width: 100 });
    await expect(coordinator.start(ResizeTask, { image: 'a.png', width: -1 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      issues: [{ path: ['width'] }],
    });
  });

  test('input by class-validator', async () => {
    const { ImportTask } = await load<{ ImportTask: TaskType }>('import.task.ts');
    const { coordinator } = await createTaskApp({ tasks: [ImportTask], listen: false });
    const handle = await coordinator.start(ImportTask, { table: 'orders', rows: 3 });
    await expect(handle.result).resolves.toEqual({ imported: 3, into: 'orders' });
    await expect(coordinator.start(ImportTask, { table: 'orders', rows: 0 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      issues: [{ path: ['rows'] }],
    });
  });

  test('a service that starts, watches and cancels', async () => {
    const { ReportTask } = await load<{ ReportTask: TaskType }>('report.task.ts');
    const { ReportsService } = await load<{ ReportsService: Type<ReportsService> }>('reports.service.ts');
    const log = jest.spyOn(console, 'log').mockReturnValue();
    @Module({ providers: [ReportTask, ReportsService] })
    class ReportsModule {}
    const { app, coordinator } = await createTaskApp({
      imports: [ReportsModule],
      listen: false,
    });
    const reports = app.get<ReportsService>(ReportsService, { strict: false });
    expect(await reports.render('2026-11')).toBe('/reports/2026-11.pdf');
    expect(log.mock.calls.at(-1)).toEqual(['completed', { finalValue: { url: '/reports/2026-11.pdf' } }]);
    log.mockRestore();

    expect(await reports.start('2026-10', 'ann')).toEqual({ id: '2026-10', created: true });
    expect(await reports.start('2026-10', 'bob')).toEqual({ id: '2026-10', created: false });
    expect(await reports.cancel('2026-10')).toBe(true);
    expect(await coordinator.get({ app: 'reports', name: 'ReportTask', id: '2026-10' })).toMatchObject({
      owner: 'ann',
      status: 'cancelled',
      cancellation: { kind: 'external', detail: 'not needed', by: 'admin' },
    });
  });

  test('a task that is tried again', async () => {
    const { SyncTask } = await load<{ SyncTask: TaskType }>('sync.task.ts');
    const handle = await start(SyncTask, { failures: 1 });
    const events = await collect(handle.events()).done;
    expect(events.map(({ type }) => type)).toEqual(['started', 'retrying', 'started', 'completed']);
    expect(events[1]?.data).toEqual({ attempt: 2, delay: 200, message: 'Internal error' });
    await expect(handle.result).resolves.toEqual({ tries: 2 });
  });

  test('an authorizer, a guard and owners', async () => {
    const { ReportsModule } = await load<{ ReportsModule: Type }>('authorized.module.ts');
    const origin = await listen(ReportsModule);
    const url = `${origin}/stream/reports/ReportTask/november`;
    const as = (user: string, method = 'GET'): RequestInit => ({
      method,
      headers: { 'x-user': user, 'content-type': 'application/json' },
      ...(method === 'PUT' && { body: '{"month":"2026-11"}' }),
    });
    expect((await fetch(url, { method: 'PUT' })).status).toBe(403);
    expect((await fetch(url, as('ann', 'PUT'))).status).toBe(201);
    expect((await fetch(url, as('bob', 'PUT'))).status).toBe(404);
    expect((await fetch(url, as('bob', 'DELETE'))).status).toBe(404);
    expect(await (await fetch(`${url}/status`, as('ann'))).json()).toMatchObject({ owner: 'ann' });
    const ofBob = await (await fetch(`${origin}/stream`, as('bob'))).json();
    expect(ofBob).toEqual({ items: [], nextCursor: null });
    const ofAnn = await (await fetch(`${origin}/stream`, as('ann'))).json();
    expect(ofAnn).toMatchObject({ items: [{ id: 'november' }], nextCursor: null });
  });

  test('a controller of ones own', async () => {
    const { JobsModule } = await load<{ JobsModule: Type }>('jobs.module.ts');
    const origin = await listen(JobsModule);
    const created = await fetch(`${origin}/jobs/reports`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"month":"2026-11"}',
    });
    const { stream } = (await created.json()) as { stream: string };
    const events = await openStream(origin + stream);
    expect(await events.next('completed')).toMatchObject({
      data: { finalValue: { url: '/reports/2026-11.pdf' } },
    });
    await events.ended;
    expect(events.retry).toBe(2_000);
    expect((await fetch(`${origin}/stream/jobs/ReportTask/x`)).status).toBe(404);
  });

  test('options of a factory', async () => {
    const { AsyncModule } = await load<{ AsyncModule: Type }>('async.module.ts');
    const origin = await listen(AsyncModule);
    const created = await fetch(`${origin}/tasks/async/ReportTask/x`, { method: 'PUT' });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/tasks/async/ReportTask/x');
  });

  test('a request-scoped provider that asks who runs', async () => {
    const { Audit, ScopedTask } = await load<{ Audit: Type; ScopedTask: TaskType }>('scoped.task.ts');
    const { coordinator } = await createTaskApp({ tasks: [ScopedTask], providers: [Audit], listen: false });
    const results = await Promise.all(
      ['ann', 'bob'].map(async (owner) => (await coordinator.start(ScopedTask, {}, { owner })).result),
    );
    expect(results).toEqual([{ who: 'ann' }, { who: 'bob' }]);
  });

  test('a database that is closed when the tasks have ended', async () => {
    const { Database } = await load<{ Database: Type<{ isOpen: boolean }> }>('database.service.ts');
    const wasOpen: boolean[] = [];
    const Task = handlerTask(async (task: TaskContext) => {
      task.defer(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        wasOpen.push(nest.get<{ isOpen: boolean }>(Database).isOpen);
      });
      await task.sleep(60_000);
    });
    const { app: nest, coordinator } = await createTaskApp({
      tasks: [Task],
      providers: [Database],
      listen: false,
    });
    const handle = await coordinator.start(Task, {});
    await collect(handle.events()).until('started');
    const database = nest.get<{ isOpen: boolean }>(Database);
    await nest.close();
    expect(wasOpen).toEqual([true]);
    expect(database.isOpen).toBe(false);
  });

  test('fetch-event-source: to the end, and not again', async () => {
    const Count = handlerTask(async (task: TaskContext) => task.progress(50), {
      app: 'app',
      name: 'CountTask',
    });
    const { coordinator, origin } = await createTaskApp({ tasks: [Count] });
    const handle = await coordinator.start(Count, {}, { id: 'demo' });
    await handle.outcome;
    const { lastEventId } = await handle.snapshot();
    const page = { addEventListener() {}, removeEventListener() {}, hidden: false };
    const answers: number[] = [];
    const said: unknown[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((...words: unknown[]) => void said.push(words));
    const visit = async (path: string, headers: Record<string, string> = {}, outages = 0): Promise<void> => {
      let calls = 0;
      const window = {
        setTimeout: (callback: () => void) => setTimeout(callback, 0),
        clearTimeout,
        fetch: async (_: string, init: RequestInit) => {
          const response =
            calls++ < outages
              ? new Response(null, { status: 502 })
              : await fetch(origin + path, { ...init, headers: { ...(init.headers as object), ...headers } });
          answers.push(response.status);
          return response;
        },
      };
      Object.assign(globalThis, { window, document: page });
      const code = readme.block('js', 'fetch-event-source').text;
      await import(examples.scratch.write(`page-${answers.length}.js`, code));
    };
    try {
      await visit('/stream/app/CountTask/demo');
      expect(said).toEqual([
        ['started', { attempt: 1 }],
        ['progress', { percent: 50 }],
        ['completed', { finalValue: null }],
      ]);
      await visit('/stream/app/CountTask/demo', { 'last-event-id': lastEventId ?? '' });
      await visit('/stream/app/CountTask/demo', { 'last-event-id': lastEventId ?? '' }, 2);
      await expect(visit('/stream/app/CountTask/nobody')).rejects.toThrow('Answered 404');
      expect(answers).toEqual([200, 204, 502, 502, 204, 404]);
    } finally {
      log.mockRestore();
      for (const name of ['window', 'document']) Reflect.deleteProperty(globalThis, name);
    }
  });

  test('many tasks on one connection', async () => {
    const Count = handlerTask(async (task: TaskContext) => task.progress(50), {
      app: 'app',
      name: 'CountTask',
    });
    const { coordinator, origin } = await createTaskApp({ tasks: [Count] });
    for (const id of ['one', 'two']) await (await coordinator.start(Count, {}, { id })).outcome;
    const said: unknown[][] = [];
    const sources: EventSource[] = [];
    runInNewContext(readme.block('js', 'many-tasks').text, {
      console: { log: (...words: unknown[]) => said.push(words) },
      EventSource: class extends EventSource {
        constructor(path: string) {
          super(origin + path);
          sources.push(this);
        }
      },
    });
    await eventually(() => expect(sources[0]?.readyState).toBe(EventSource.CLOSED));
    for (const id of ['one', 'two']) {
      const task = `app/CountTask/${id}`;
      expect(said.filter(([whose]) => whose === task)).toEqual([
        [task, 'progress', { percent: 50 }],
        [task, 'completed', { finalValue: null }],
      ]);
    }
  });

  test('an interceptor that maps events', async () => {
    const { RedactedModule } = await load<{ RedactedModule: Type }>('redacted.module.ts');
    const origin = await listen(RedactedModule);
    const url = `${origin}/stream/redacted/ReportTask/x`;
    const headers = { 'content-type': 'application/json' };
    await fetch(url, { method: 'PUT', headers, body: '{"month":"2026-11"}' });
    const stream = await openStream(url);
    await stream.next('completed');
    const parts = stream.events.filter(({ type }) => type === 'part');
    expect(parts.map(({ data }) => data)).toEqual([1, 2, 3].map(() => ({ redacted: true })));
    await stream.close();
  });

  test('the command that sends a signal', async () => {
    const commands = readme.blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => commandsOf(text))
      .filter((command) => command.includes('/signals/'));
    const Payment = handlerTask((task: TaskContext) => task.waitForSignal('approval'), {
      app: 'app',
      name: 'PaymentTask',
    });
    const { coordinator, port } = await createTaskApp({ tasks: [Payment] });
    const handle = await coordinator.start(Payment, {}, { id: '42' });
    expect(commands).toHaveLength(1);
    await runCurl(commands[0]!, port, false);
    await expect(handle.result).resolves.toEqual({ approved: true });
  });

  test('the two commands are scripts of the package', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const commands = readme.blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => commandsOf(text))
      .filter((command) => command.startsWith('npm ci'));
    expect(commands.map((command) => command.replace(/ +#.*/, ''))).toEqual([
      'npm ci && npm start',
      'npm ci && npm test',
    ]);
    expect(scripts).toMatchObject({ start: expect.any(String), test: expect.any(String) });
  });

  test('every shell block is one that a test knows', () => {
    const known = /^(npm ci && npm (start|test)\b|npm install nestjs-streaming$|curl )/;
    const shell = readme.blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => commandsOf(text));
    expect(shell.filter((command) => !known.test(command))).toEqual([]);
  });
});
