/** What the page of the dashboard asks for, without a browser. */
import { describe, expect, it } from '@jest/globals';
import { type CanActivate, type ExecutionContext, Injectable, VersioningType } from '@nestjs/common';
import { z } from 'zod';
import { handlerTask } from '../support/app.js';
import { call } from '../support/clients/http-client.js';
import { openStream } from '../support/clients/sse.js';
import { adapters } from '../support/watching.js';
import { closeBound, eventually } from '../support/wait.js';
import { TaskTable } from '../../lib/dashboard/live/task-table.js';
import { createDashboardApp, type ListData, rowsWhen } from './support.js';

const untilCancelled = () =>
  handlerTask(async (task) => {
    await task.progress({ percent: 40, message: 'reading' });
    await task.sleep(60_000);
  });

describe.each(adapters)('the dashboard on %s', (adapter) => {
  it('has a page without inline script, whose files never change under their names', async () => {
    const { page } = await createDashboardApp({ adapter });
    const html = await call('GET', page);
    expect(html.status).toBe(200);
    expect(html.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'private, no-cache',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
    expect(html.text).not.toMatch(/<style|style=|<script[^>]*>[^<]|https?:/);
    const again = await call('GET', page, { headers: { 'if-none-match': html.headers.etag! } });
    expect(again).toMatchObject({ status: 304, text: '' });

    const names = [...html.text.matchAll(/"\?asset=([^"]+)"/g)].map(([, name]) => name!);
    expect(names).toHaveLength(3);
    for (const name of names) {
      const plain = await call('GET', `${page}?asset=${name}`);
      expect(plain.headers).toMatchObject({ 'cache-control': 'private, max-age=31536000, immutable' });
      expect(plain.headers).not.toHaveProperty('content-encoding');
      const packed = await fetch(`${page}?asset=${name}`);
      expect(await packed.text()).toBe(plain.text);
      if (!name.endsWith('.svg')) expect(packed.headers.get('content-encoding')).toBe('gzip');
    }
    expect(await call('GET', `${page}?asset=page-0.js`)).toMatchObject({
      status: 404,
      headers: { 'cache-control': 'no-store' },
    });
  });

  it('is behind prefix, version and guards, and leaves routes of others alone', async () => {
    @Injectable()
    class Admins implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return (
          context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['admin'] === 'yes'
        );
      }
    }
    const { origin } = await createDashboardApp({
      adapter,
      dashboard: { route: 'admin/tasks', guards: [Admins] },
      configure: (app) =>
        app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '2' }),
    });
    const page = `${origin}/api/v2/admin/tasks`;
    for (const path of ['', '/api/about', '/api/list', '/api/tasks/a/b/c']) {
      expect(await call('GET', page + path)).toMatchObject({ status: 403 });
    }
    for (const path of [
      '/api/cancel',
      '/api/types/a/b',
      '/api/tasks/a/b/c/cancel',
      '/api/tasks/a/b/c/signal',
    ]) {
      expect(await call('POST', page + path, { json: {} })).toMatchObject({ status: 403 });
    }
    expect(await call('GET', page, { headers: { admin: 'yes' } })).toMatchObject({ status: 200 });
    expect(await call('GET', `${origin}/streaming`)).toMatchObject({ status: 404 });
  });

  it('has a version of its own', async () => {
    const { origin } = await createDashboardApp({
      adapter,
      dashboard: { version: ['3', '4'] },
      configure: (app) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '2' }),
    });
    const answers = await Promise.all(
      ['v2', 'v3', 'v4'].map((version) => call('GET', `${origin}/${version}/streaming`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([404, 200, 200]);
  });

  it('lists tasks live, with counts, by each filter', async () => {
    const type = untilCancelled();
    const done = handlerTask(() => 'done', { name: 'done' });
    const app = await createDashboardApp({ adapter, tasks: [type, done] });
    await app.coordinator.start(done, {}, { id: 'first', owner: 'ada' });
    await using all = await app.list();
    await rowsWhen(all, (rows) => rows.get('test:done:first')?.status === 'completed');
    const second = await app.coordinator.start(type, {}, { id: 'second', owner: 'grace' });
    const { ref } = second;
    const rows = await rowsWhen(all, (seen) => seen.get(`test:${ref.name}:second`)?.percent === 40);
    expect(rows.get(`test:${ref.name}:second`)).toMatchObject({
      status: 'running',
      owner: 'grace',
      message: 'reading',
    });
    expect([...rows.keys()]).toHaveLength(2);

    const firsts = {
      '?status=running,pending': ['second'],
      '?type=test/done': ['first'],
      '?owner=ada': ['first'],
      '?text=SECOND': ['second'],
      '?text=reading': ['second'],
      '?within=60000': ['second', 'first'],
      '?limit=1': ['second'],
      '?status=failed': [],
    };
    for (const [query, ids] of Object.entries(firsts)) {
      await using list = await app.list(query);
      const { data } = await list.next<ListData>('all');
      expect([query, data.rows.map(({ id }) => id)]).toEqual([query, ids]);
      if (!query.includes('text') && !query.includes('owner') && !query.includes('type')) {
        expect(data.summary.counts).toEqual({ running: 1, completed: 1 });
      }
    }
    await second.cancel({ detail: 'enough' });
    await rowsWhen(
      all,
      (seen, { active }) => active === 0 && seen.get(`test:${ref.name}:second`)?.message === 'enough',
    );
    expect(await app.act('cancel', { filter: { status: 'gone' } })).toMatchObject({ status: 400 });
    expect(await call('GET', `${app.page}/api/list?status=gone`)).toMatchObject({ status: 400 });
  });

  it('shows one task, cancels it, and says when', async () => {
    const type = untilCancelled();
    const app = await createDashboardApp({ adapter, tasks: [type], dashboard: { by: () => 'ada' } });
    const handle = await app.coordinator.start(type, {});
    const { ref } = handle;
    const path = `${ref.app}/${ref.name}/${ref.id}`;
    await using stream = await app.watch(path);
    const { data } = await stream.next<{ snapshot: object }>('task');
    expect(data.snapshot).toMatchObject({ ...ref, watchers: 0 });
    expect(await app.act(`tasks/${path}/cancel`, { detail: 'no disk' })).toMatchObject({ status: 202 });
    const ended = await stream.next(
      ({ data: told }) => (told as { snapshot?: { status: string } }).snapshot?.status === 'cancelled',
    );
    expect(ended.data).toMatchObject({
      snapshot: { cancellation: { kind: 'external', detail: 'no disk', by: 'ada' } },
      times: { requestedAt: expect.any(Number), acceptedAt: expect.any(Number) },
    });
    await eventually(() => {
      const events = stream.events.flatMap(
        (event) => (event.data as { events?: { type: string }[] }).events ?? [],
      );
      expect(events.map((event) => event.type)).toEqual(['started', 'progress', 'cancelled']);
    });
    expect(await handle.snapshot()).toMatchObject({ cancellation: { by: 'ada' } });
    expect(await app.act(`tasks/${path}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'TASK_ENDED' },
    });
    expect(await app.act(`tasks/${ref.app}/${ref.name}/unknown/cancel`)).toMatchObject({ status: 404 });
    const lines = app.logs.lines.filter(({ context }) => context === 'StreamingDashboard');
    expect(lines.map(({ text }) => text)).toContain(`cancel ${path}: "no disk", by "ada"`);
  });

  it('starts tasks with the issues of a wrong input, starts them again, and signals them', async () => {
    const type = handlerTask(async (task) => task.waitForSignal('go'), {
      name: 'waits',
      input: z.object({ month: z.number().int() }),
    });
    const app = await createDashboardApp({ adapter, tasks: [type] });
    const about = await call('GET', `${app.page}/api/about`);
    expect(about.body).toMatchObject({
      types: [
        {
          app: 'test',
          name: 'waits',
          mayStart: true,
          schema: { properties: { month: { type: 'integer' } } },
        },
      ],
      mayBulk: true,
      by: expect.stringContaining('127.0.0.1'),
    });
    expect(await app.act('types/test/waits', { input: { month: 'may' } })).toMatchObject({
      status: 400,
      body: { code: 'INVALID_INPUT', issues: [{ path: ['month'] }] },
    });
    expect(await app.act('types/test/other', { input: {} })).toMatchObject({ status: 404 });
    const body = { input: { month: 5 }, id: 'mine', restart: true };
    for (let times = 0; times < 2; times++) {
      expect(await app.act('types/test/waits', body)).toMatchObject({
        status: 201,
        body: { id: 'mine', created: true },
      });
      expect(await app.act('types/test/waits', body)).toMatchObject({ body: { created: false } });
      await using stream = await app.watch('test/waits/mine');
      expect(await app.act('tasks/test/waits/mine/signal', { name: 'go', data: { n: 1 } })).toMatchObject({
        status: 202,
      });
      const isDone = (data: unknown) =>
        (data as { snapshot?: { status: string } }).snapshot?.status === 'completed';
      const { data } = await stream.next((event) => isDone(event.data));
      expect(data).toMatchObject({ snapshot: { finalValue: { n: 1 } } });
    }
    expect(await app.act('tasks/test/waits/mine/signal', { name: 'go' })).toMatchObject({ status: 409 });
    expect(await app.act('types/test/waits', [1])).toMatchObject({ status: 400 });
  });

  it('cancels all that match, those that come meanwhile too, and tells how far it is', async () => {
    const type = untilCancelled();
    const other = handlerTask((task) => task.sleep(60_000), { name: 'other' });
    const app = await createDashboardApp({ adapter, tasks: [type, other] });
    const kept = await app.coordinator.start(other, {});
    const start = () => app.coordinator.start(type, {}, { owner: 'ada' });
    const handles = await Promise.all(Array.from({ length: 50 }, start));
    // Each that ends starts another one, ten times.
    let more = 10;
    for (const { outcome } of handles) {
      void outcome.then(async () => {
        if (more-- > 0) handles.push(await start());
      });
    }
    const answer = await app.act('cancel', { filter: { owner: 'ada' }, detail: 'all' });
    const lines = answer.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({ total: 50, asked: 0 });
    expect(lines.at(-1)).toEqual({
      total: 50,
      came: 10,
      asked: 60,
      accepted: 60,
      tooLate: 0,
      unmatched: 0,
      refused: 0,
      failed: 0,
      isWhole: true,
      isDone: true,
    });
    expect(handles).toHaveLength(60);
    const outcomes = await Promise.all(handles.map(({ outcome }) => outcome));
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['cancelled']));
    expect((await kept.snapshot())?.status).toBe('running');
  });

  it('decides per action, and shows nothing of what may not be seen', async () => {
    const type = untilCancelled();
    const app = await createDashboardApp({
      adapter,
      tasks: [type],
      dashboard: {
        access: async ({ action, task, request }) => {
          const { user } = (request as { headers: { user?: string } }).headers;
          if (user === 'broken') throw new Error('no session');
          if (!task) return action === 'view' || user === 'admin';
          return user === 'admin' || (task.owner === user && action !== 'signal');
        },
      },
    });
    const mine = await app.coordinator.start(type, {}, { id: 'mine', owner: 'ada' });
    await app.coordinator.start(type, {}, { id: 'other', owner: 'grace' });
    const path = `${mine.ref.app}/${mine.ref.name}`;
    const as = (user: string) => ({ headers: { user } });
    const about = await call('GET', `${app.page}/api/about`, as('ada'));
    expect(about.body).toMatchObject({ mayBulk: false, types: [{ mayStart: false }] });
    expect(await call('GET', `${app.page}/api/tasks/${path}/mine/rights`, as('ada'))).toMatchObject({
      body: { cancel: true, signal: false, start: false },
    });
    await using list = await openStream(`${app.page}/api/list`, as('ada'));
    const { data } = await list.next<ListData>('all');
    expect([data.rows.map(({ id }) => id), data.summary.total]).toEqual([['mine'], 1]);

    const refused: [path: string, user: string][] = [
      [`tasks/${path}/mine/signal`, 'ada'],
      [`types/${path}`, 'ada'],
      ['cancel', 'ada'],
    ];
    for (const [action, user] of refused) {
      expect([action, await app.act(action, { name: 'x' }, { user })]).toMatchObject([
        action,
        { status: 403, body: { code: 'FORBIDDEN' } },
      ]);
    }
    for (const unseen of ['other', 'unknown']) {
      const seen = await call('GET', `${app.page}/api/tasks/${path}/${unseen}`, as('ada'));
      expect(seen).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } });
      expect(await app.act(`tasks/${path}/${unseen}/cancel`, {}, { user: 'ada' })).toMatchObject({
        status: 404,
      });
    }
    expect(await app.act(`tasks/${path}/mine/cancel`, {}, { user: 'broken' })).toMatchObject({ status: 404 });
    expect(await app.act(`tasks/${path}/mine/cancel`, {}, { user: 'ada' })).toMatchObject({ status: 202 });
    expect(app.logs.warnings.filter((text) => text.startsWith('Refused: '))).toHaveLength(6);
    expect(app.logs.errors.filter((text) => text.includes('"access"'))).toHaveLength(1);
    const { text } = await app.act('cancel', { filter: {} }, { user: 'admin' });
    expect(text).toContain('"accepted":1');
  });

  it('redacts events and snapshots, and what is looked for', async () => {
    const type = handlerTask(async (task) => {
      await task.sendEvent('card', { number: '4111' });
      await task.sendEvent('hidden', 'secret');
      await task.progress({ percent: 1, message: 'card 4111' });
      await task.sleep(60_000);
    });
    const app = await createDashboardApp({
      adapter,
      tasks: [type],
      dashboard: {
        redact: (shown) => {
          if ('type' in shown && shown.type === 'hidden') throw new Error('not this');
          return JSON.parse(JSON.stringify(shown).replaceAll('4111', '****')) as typeof shown;
        },
      },
    });
    const { ref } = await app.coordinator.start(type, {}, { metadata: { card: '4111' } });
    await using stream = await app.watch(`${ref.app}/${ref.name}/${ref.id}`);
    await eventually(() => expect(stream.raw).toContain('card ****'));
    await eventually(() => expect(stream.raw).toContain('"type":"hidden"'));
    expect(stream.raw).toContain('"isHidden":true');
    expect(stream.raw).not.toMatch(/4111|secret/);
    await using found = await app.list('?text=4111');
    expect((await found.next<ListData>('all')).data.rows).toEqual([]);
  });

  it('takes no action from another origin', async () => {
    const app = await createDashboardApp({ adapter, tasks: [untilCancelled()] });
    expect(await call('POST', `${app.page}/api/cancel`, { json: {} })).toMatchObject({ status: 403 });
    const asText = { 'content-type': 'text/plain', 'x-streaming-dashboard': '1' };
    expect(await call('POST', `${app.page}/api/cancel`, { body: '{}', headers: asText })).toMatchObject({
      status: 415,
    });
  });

  it('shows the end of all tasks, and ends its streams before the application closes', async () => {
    const type = untilCancelled();
    const app = await createDashboardApp({ adapter, tasks: [type] });
    const { ref } = await app.coordinator.start(type, {});
    const list = await app.list();
    const task = await app.watch(`${ref.app}/${ref.name}/${ref.id}`);
    await Promise.all([list.next('all'), task.next('task')]);
    // Its connection would be kept alive.
    const kept = await fetch(`${app.page}/api/list`);
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(closeBound);
    expect([await list.ended, await task.ended]).toEqual(['complete', 'complete']);
    expect(task.raw).toContain('"type":"cancelled"');
    expect(await kept.text()).toContain('"cancelled":1');
  });
});

it('holds nothing while nobody looks', async () => {
  const type = untilCancelled();
  const app = await createDashboardApp({ tasks: [type] });
  await app.coordinator.start(type, {});
  const table = app.app.get(TaskTable, { strict: false });
  const list = await app.list();
  await list.next('all');
  await list.close();
  await eventually(() => expect([table.isFollowed, table.rows.length]).toEqual([false, 1]));
  const { version } = table;
  // A little later, as whoever changes the filter comes back.
  await eventually(() => expect(table.rows).toEqual([]));
  expect(table.version - version).toBeLessThan(2);
});
