import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CanActivate, Type } from '@nestjs/common';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskAuthorizer, TaskContext, TaskHandler } from 'nestjs-streaming';
import { Pool } from 'pg';
import type { Browser, Page } from 'playwright-core';
import { createTaskApp, handlerTask } from '../../support/app.js';
import { openStream } from '../../support/clients/sse.js';
import { describeWithChromium, launchChromium } from '../../support/browsers/chromium.js';
import { describeWithPostgres, findPostgres } from '../../support/programs/postgres.js';
import { eventually } from '../../support/wait.js';
import { page } from '../support/documents.js';
import { Examples, expectCancelled, startTask } from '../support/examples.js';

type TaskType = Type<TaskHandler>;

describe('the page of recipes', () => {
  const recipes = page('recipes');
  const examples = new Examples(recipes);
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  describe('tokens of a language model', () => {
    const prompt = Array.from({ length: 500 }, (_, n) => `word${n}`).join(' ');

    test('arrive in batches, and the text is the result', async () => {
      const { AnswerTask, LanguageModel } = await load<{ AnswerTask: TaskType; LanguageModel: Type }>(
        'answer.task.ts',
      );
      const { handle, events } = await startTask(AnswerTask, { prompt }, { providers: [LanguageModel] });
      await expect(handle.result).resolves.toEqual({ text: `${prompt} ` });
      const pieces = (await events.done).filter(({ type }) => type === 'text');
      expect(pieces.length).toBeLessThan(100);
      const text = pieces.map(({ data }) => (data as { delta: string }).delta).join('');
      expect(text).toBe(`${prompt} `);
    });

    test('cancelled: what was there is sent', async () => {
      const { AnswerTask, LanguageModel } = await load<{ AnswerTask: TaskType; LanguageModel: Type }>(
        'answer.task.ts',
      );
      const useValue = {
        async *stream(_prompt: string, { signal }: { signal: AbortSignal }) {
          yield 'one ';
          yield 'two ';
          await new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          });
        },
      };
      const app = { providers: [{ provide: LanguageModel, useValue }] };
      const started = await startTask(AnswerTask, { prompt }, app);
      await started.events.until('text');
      await expectCancelled(started);
      const pieces = started.events.events.filter(({ type }) => type === 'text').map(({ data }) => data);
      expect(pieces.map((piece) => (piece as { delta: string }).delta).join('')).toBe('one two ');
    });
  });

  describe('upload and import', () => {
    interface RowsFile {
      RowsModule: Type;
      Rows: Type<{ insert(row: string): Promise<void> }>;
    }

    async function serve(): Promise<{ origin: string; upload: () => Promise<string>; rows: string[] }> {
      const { RowsModule, Rows } = await load<RowsFile>('rows.module.ts');
      const { app, origin } = await createTaskApp({ imports: [RowsModule] });
      const rows: string[] = [];
      const database = app.get<{ insert(row: string, options: { signal: AbortSignal }): Promise<void> }>(
        Rows,
        {
          strict: false,
        },
      );
      const insert = database.insert.bind(database);
      database.insert = async (row, options) => {
        await insert(row, options);
        rows.push(row);
        await new Promise((resolve) => setTimeout(resolve, 1));
      };
      const upload = async (): Promise<string> => {
        const body = new FormData();
        const text = Array.from({ length: 250 }, (_, n) => `row ${n}\n`).join('');
        body.append('file', new Blob([text]), 'rows.csv');
        const response = await fetch(`${origin}/rows`, { method: 'POST', body });
        return ((await response.json()) as { stream: string }).stream;
      };
      return { origin, upload, rows };
    }

    test('imports every row, and removes the file', async () => {
      const { origin, upload, rows } = await serve();
      const path = await upload();
      const stream = await openStream(origin + path);
      expect(await stream.next('completed')).toMatchObject({ data: { finalValue: { imported: 250 } } });
      await stream.ended;
      expect(rows).toHaveLength(250);
      expect(stream.events.filter(({ type }) => type === 'progress')).toHaveLength(2);
    });

    test('cancelled or never begun, it removes the file too', async () => {
      const { ImportRowsTask, RowsModule } = await load<{ ImportRowsTask: TaskType; RowsModule: Type }>(
        'rows.module.ts',
      );
      const { coordinator, origin } = await createTaskApp({ imports: [RowsModule] });
      const paths: string[] = [];
      const start = coordinator.start.bind(coordinator) as (...given: unknown[]) => Promise<never>;
      Object.assign(coordinator, {
        start: (type: unknown, input: { path: string }) => {
          paths.push(input.path);
          return start(type, input, { signal: AbortSignal.abort() });
        },
      });
      const body = new FormData();
      body.append('file', new Blob(['row\n']), 'rows.csv');
      const response = await fetch(`${origin}/rows`, { method: 'POST', body });
      expect(response.status).toBe(201);
      expect((await coordinator.list({ name: ImportRowsTask.name })).items[0]?.status).toBe('cancelled');
      await eventually(() => expect(paths.map((path) => existsSync(path))).toEqual([false]));
      expect((await fetch(`${origin}/rows`, { method: 'POST' })).status).toBe(400);
    });
  });

  describe('export and download', () => {
    interface ExportsFile {
      ExportsModule: Type;
      ExportFiles: Type<{ sweep(): Promise<void> }>;
      Orders: Type<{ rows(year: number): AsyncIterable<string> }>;
    }

    let folder: string;

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'exports-'));
      process.env['EXPORTS_FOLDER'] = folder;
    });

    afterEach(() => {
      delete process.env['EXPORTS_FOLDER'];
      rmSync(folder, { recursive: true, force: true });
    });

    async function serve() {
      const { ExportsModule, ExportFiles, Orders } = await load<ExportsFile>('exports.module.ts');
      const { SessionsService } = await load<{ SessionsService: Type<{ open(user: string): string }> }>(
        'sessions.module.ts',
      );
      const { app, origin } = await createTaskApp({
        imports: [ExportsModule],
        options: { replay: { retention: 500 } },
      });
      const sessions = app.get(SessionsService, { strict: false });
      const as = (user: string): Record<string, string> => ({ cookie: `session=${sessions.open(user)}` });
      const start = async (headers: Record<string, string>): Promise<string> => {
        const response = await fetch(`${origin}/exports`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: '{"year":2026}',
        });
        return ((await response.json()) as { stream: string }).stream;
      };
      const files = app.get(ExportFiles, { strict: false });
      return { origin, as, start, files, orders: app.get(Orders, { strict: false }) };
    }

    test('its owner alone gets the file, as long as the task is kept', async () => {
      writeFileSync(join(folder, 'left.part'), 'of a process that was killed');
      const { origin, as, start, files } = await serve();
      expect(readdirSync(folder)).toEqual([]);
      const ann = as('ann');
      const stream = await openStream(origin + (await start(ann)));
      const { data } = await stream.next('completed');
      await stream.ended;
      const { download } = (data as { finalValue: { download: string } }).finalValue;
      const answer = await fetch(origin + download, { headers: ann });
      expect(answer.headers.get('content-disposition')).toContain('orders.csv');
      expect(await answer.text()).toBe('2026,1\n2026,2\n2026,3\n');
      expect((await fetch(origin + download, { headers: as('bob') })).status).toBe(404);
      expect((await fetch(origin + download)).status).toBe(401);
      await eventually(async () => {
        await files.sweep();
        expect(readdirSync(folder)).toEqual([]);
      });
      expect((await fetch(origin + download, { headers: ann })).status).toBe(404);
    });

    test('cancelled, it leaves no file', async () => {
      const { origin, as, start, orders } = await serve();
      orders.rows = async function* () {
        yield 'half of it\n';
        await new Promise(() => {});
      };
      const path = await start(as('ann'));
      await eventually(() => expect(readdirSync(folder)).toEqual([expect.stringMatching(/\.part$/)]));
      expect((await fetch(`${origin}${path}?wait=5000`, { method: 'DELETE' })).status).toBe(200);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  if (findPostgres() === undefined) examples.leaveOut('transfer.task.ts');

  describeWithPostgres('a transaction', (database) => {
    test('is rolled back when it is cancelled, and committed otherwise', async () => {
      const { TransferTask } = await load<{ TransferTask: TaskType }>('transfer.task.ts');
      const pool = new Pool({ ...database.config, max: 2 });
      pool.on('error', () => undefined);
      try {
        await pool.query(
          `CREATE TABLE accounts AS SELECT name, 100 AS amount FROM unnest('{ann,bob}'::text[]) name`,
        );
        const amounts = async (): Promise<unknown> =>
          (await pool.query('SELECT name, amount FROM accounts ORDER BY name')).rows;
        const app = { providers: [{ provide: Pool, useValue: pool }] };
        const input = { from: 'ann', to: 'bob', amount: 30 };
        await expectCancelled(await startTask(TransferTask, input, app));
        expect(await amounts()).toEqual([
          { name: 'ann', amount: 100 },
          { name: 'bob', amount: 100 },
        ]);
        const { handle } = await startTask(TransferTask, input, app);
        await expect(handle.result).resolves.toBeNull();
        expect(await amounts()).toEqual([
          { name: 'ann', amount: 70 },
          { name: 'bob', amount: 130 },
        ]);
      } finally {
        await pool.query('DROP TABLE IF EXISTS accounts');
        await pool.end();
      }
    });
  });

  test('a quota for each user', async () => {
    const { QuotaAuthorizer } = await load<{ QuotaAuthorizer: Type<TaskAuthorizer> }>('quota.authorizer.ts');
    const Wait = handlerTask((task: TaskContext) => task.sleep(60_000), { app: 'app', name: 'Wait' });
    const asUser: CanActivate = {
      canActivate(context) {
        const request = context
          .switchToHttp()
          .getRequest<{ user?: string; headers: Record<string, string> }>();
        request.user = request.headers['x-user'] ?? '';
        return true;
      },
    };
    const { origin } = await createTaskApp({
      tasks: [Wait],
      options: {
        authorize: QuotaAuthorizer,
        http: { start: true, guards: [asUser], owner: ({ user }: { user?: string }) => user },
      },
    });
    const start = async (user: string, id: string): Promise<number> =>
      (await fetch(`${origin}/stream/app/Wait/${id}`, { method: 'PUT', headers: { 'x-user': user } })).status;
    expect(await start('ann', '1')).toBe(201);
    expect(await start('ann', '2')).toBe(201);
    expect(await start('ann', '3')).toBe(429);
    expect(await start('ann', '2')).toBe(200);
    expect(await start('bob', '2')).toBe(404);
    expect(await start('bob', '3')).toBe(201);
    const headers = { 'x-user': 'ann' };
    expect((await fetch(`${origin}/stream/app/Wait/1?wait=5000`, { method: 'DELETE', headers })).status).toBe(
      200,
    );
    expect(await start('ann', '4')).toBe(201);
  });

  // Its XMLHttpRequest is what React Native has too.
  describeWithChromium('react-native-sse', (executablePath) => {
    const library = createRequire(import.meta.url).resolve('react-native-sse/src/EventSource.js');
    let browser: Browser;
    let pages: Server;
    let tab: Page;

    beforeEach(async () => {
      pages = createServer((request, response) => {
        if (request.url === '/') response.setHeader('content-type', 'text/html').end('<!doctype html>');
        else
          response
            .setHeader('content-type', 'text/javascript')
            .end(
              request.url === '/react-native-sse.js'
                ? readFileSync(library, 'utf8')
                : recipes
                    .block('js', 'react-native')
                    .text.replace("'react-native-sse'", "'/react-native-sse.js'"),
            );
      });
      await new Promise<void>((resolve) => void pages.listen(0, '127.0.0.1', resolve));
      browser = await launchChromium(executablePath);
      tab = await browser.newPage();
      await tab.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
    });

    afterEach(async () => {
      await browser.close();
      pages.closeAllConnections();
      pages.close();
    });

    const Count = handlerTask(
      async (task: TaskContext<{ to: number }>) => {
        for (let n = 1; n <= task.input.to; n++) {
          await task.progress({ message: `counted to ${n}` });
          await task.sleep(100);
        }
      },
      { app: 'app', name: 'CountTask' },
    );

    /** Watches in the page; gives what it has shown by now. */
    async function watch(url: string): Promise<() => Promise<string[]>> {
      const module = '/watch.js';
      const shown = await tab.evaluateHandle(
        async ([script, stream]) => {
          const { watch: watchTask } = (await import(script)) as {
            watch(url: string, token: string, show: (text: string) => void): void;
          };
          const texts: string[] = [];
          watchTask(stream, 'token', (text) => texts.push(text));
          return texts;
        },
        [module, url] as const,
      );
      return () => shown.jsonValue();
    }

    const open = {
      forceCloseConnections: true,
      configure: (nest: { enableCors(): void }) => nest.enableCors(),
    };

    test('watches a task to its end, across streams that end before it', async () => {
      const http = { maxAge: 300, retry: 50 };
      const { coordinator, url } = await createTaskApp({ tasks: [Count], options: { http }, ...open });
      await coordinator.start(Count, { to: 12 }, { id: 'demo' });
      const shown = await watch(`${url}/app/CountTask/demo`);
      await eventually(async () => expect((await shown()).at(-1)).toBe('completed'), { timeout: 15_000 });
      const counted = Array.from({ length: 12 }, (_, n) => `counted to ${n + 1}`);
      expect(await shown()).toEqual([...counted, 'completed']);
    });

    test('goes on after a connection that broke', async () => {
      const { app, coordinator, url } = await createTaskApp({ tasks: [Count], ...open });
      await coordinator.start(Count, { to: 30 }, { id: 'demo' });
      const shown = await watch(`${url}/app/CountTask/demo`);
      await eventually(async () => expect((await shown()).length).toBeGreaterThan(2));
      (app.getHttpServer() as Server).closeAllConnections();
      await eventually(async () => expect((await shown()).at(-1)).toBe('completed'), { timeout: 15_000 });
      const counted = Array.from({ length: 30 }, (_, n) => `counted to ${n + 1}`);
      expect(await shown()).toEqual([...counted, 'completed']);
    });

    test('says that a task is gone', async () => {
      const { url } = await createTaskApp({ tasks: [Count], ...open });
      const shown = await watch(`${url}/app/CountTask/unknown`);
      await eventually(async () => expect(await shown()).toEqual(['This task is gone.']));
    });
  });
});
