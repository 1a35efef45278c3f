/** Who may do what, where it is not as simple as it looks: another run, another context, another state. */
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TaskEngine } from '../../lib/engine/task-engine.js';
import { handlerTask } from '../support/app.js';
import { call } from '../support/clients/http-client.js';
import { openStream } from '../support/clients/sse.js';
import { deferred, eventually } from '../support/wait.js';
import { createDashboardApp, type ListData } from './support.js';

interface Asked {
  readonly headers: Readonly<Record<string, string | undefined>>;
}

const userOf = (request: never): string | undefined => (request as Asked).headers['user'];
const as = (user: string) => ({ headers: { user } });
const storage = new AsyncLocalStorage<string>();
afterAll(() => {
  storage.disable();
});

const waits = () => handlerTask((task) => task.sleep(60_000), { name: 'waits' });

describe('the rights on the dashboard', () => {
  it('a page does not go on with a new run that it may not see', async () => {
    const type = handlerTask(() => 'done', { name: 'done' });
    const app = await createDashboardApp({
      tasks: [type],
      dashboard: { access: ({ task, request }) => !task || task.owner === userOf(request) },
    });
    const first = await app.coordinator.start(type, {}, { id: 'x', owner: 'ada' });
    await first.outcome;
    await using stream = await openStream(`${app.page}/api/tasks/test/done/x`, as('ada'));
    await stream.next('task');
    await app.coordinator.start(type, {}, { id: 'x', owner: 'grace', restart: true });
    await stream.next('gone');
    expect(await stream.ended).toBe('complete');
    expect(stream.raw).not.toContain('grace');
  });

  it('only who sees a task, and may, starts it again; it stays whose it was', async () => {
    const type = handlerTask(() => 'done', { name: 'done' });
    const app = await createDashboardApp({
      tasks: [type],
      dashboard: {
        access: ({ action, task, request }) =>
          !task || (task.owner === userOf(request) && (action !== 'start' || task.id !== 'fixed')),
      },
    });
    const metadata = { plan: 'pro' };
    for (const [id, owner] of Object.entries({ mine: 'ada', fixed: 'ada', other: 'grace' })) {
      await (
        await app.coordinator.start(type, {}, { id, owner, metadata })
      ).outcome;
    }
    const again = (id: string) =>
      app.act('types/test/done', { input: {}, id, restart: true }, { user: 'ada' });
    for (const id of ['fixed', 'other']) {
      const before = await app.coordinator.get({ app: 'test', name: 'done', id });
      expect([id, (await again(id)).status]).toEqual([id, 403]);
      expect(await app.coordinator.get({ app: 'test', name: 'done', id })).toEqual(before);
    }
    expect(await call('GET', `${app.page}/api/tasks/test/done/fixed/rights`, as('ada'))).toMatchObject({
      body: { cancel: true, start: false },
    });
    expect(await again('mine')).toMatchObject({ status: 201, body: { created: true } });
    expect(await app.coordinator.get({ app: 'test', name: 'done', id: 'mine' })).toMatchObject({
      owner: 'ada',
      metadata,
    });
  });

  it('access runs in the async context of its request, whoever has the table look', async () => {
    const type = waits();
    const app = await createDashboardApp({
      tasks: [type],
      dashboard: { access: ({ task }) => !task || task.owner === storage.getStore() },
      configure: (nest) =>
        nest.use((request: IncomingMessage, _response: ServerResponse, next: () => void) =>
          storage.run(String(request.headers['user']), next),
        ),
    });
    await app.coordinator.start(type, {}, { id: 'first', owner: 'ada' });
    await using list = await openStream(`${app.page}/api/list`, as('ada'));
    const { data } = await list.next<ListData>('all');
    expect(data.rows.map(({ id }) => id)).toEqual(['first']);
    await app.coordinator.start(type, {}, { id: 'other', owner: 'grace' });
    await app.coordinator.start(type, {}, { id: 'second', owner: 'ada' });
    const { data: next } = await list.next<ListData>((event) => (event.data as ListData).summary.total > 1);
    expect(next.summary.total).toBe(2);
    expect(next.rows.map(({ id }) => id)).toContain('second');
    expect(list.raw).not.toContain('other');
  });

  it('the log has one line for each fault and each action, whatever texts they have', async () => {
    const app = await createDashboardApp({
      tasks: [waits()],
      dashboard: {
        access: ({ action }) => {
          if (action === 'view') return true;
          throw new Error('no session\n[Nest] all is well\u001B[2J');
        },
      },
    });
    expect(await app.act('types/te%0Ast/waits')).toMatchObject({
      status: 400,
      body: { code: 'INVALID_TASK_ID' },
    });
    expect(await app.act('types/test/wai%0Ats', { id: 'x' })).toMatchObject({ status: 400 });
    expect(await app.act('types/test/waits', { id: 'x\ny' })).toMatchObject({ status: 400 });
    expect(await app.act('types/test/waits')).toMatchObject({ status: 403 });
    const lines = app.logs.lines.filter(({ context }) => context === 'StreamingDashboard');
    expect(lines.map(({ text }) => text).filter((text) => /\p{Cc}/u.test(text))).toEqual([]);
    expect(app.logs.errors).toEqual([expect.stringContaining('no session\\n[Nest] all is well\\u001b[2J')]);
  });
});

describe('"cancel all" on the dashboard', () => {
  const outcomeOf = (text: string): unknown => JSON.parse(text.trim().split('\n').at(-1) ?? '');

  it.each<[unknown]>([
    [undefined],
    [null],
    ['failed'],
    [[]],
    [3],
    [{ state: 'failed' }],
    [{ status: null }],
    [{ owner: ['ada'] }],
    [{ within: 1000 }],
    [{ status: {} }],
  ])('takes %j for no filter', async (filter) => {
    const type = waits();
    const app = await createDashboardApp({ tasks: [type] });
    const handle = await app.coordinator.start(type, {});
    expect(await app.act('cancel', { filter })).toMatchObject({
      status: 400,
      body: { code: 'INVALID_QUERY' },
    });
    expect(await handle.snapshot()).toMatchObject({ cancellation: null });
  });

  it('leaves alone what does not match any more when its turn comes', async () => {
    const places = [deferred(), deferred()];
    const type = handlerTask((task) => places[Number(task.id)]?.promise, { name: 'waits', concurrency: 1 });
    const second = deferred<() => Promise<string | undefined>>();
    const app = await createDashboardApp({
      tasks: [type],
      dashboard: {
        access: async ({ action }) => {
          if (action !== 'cancel') return true;
          // It has its place before it is cancelled.
          places[0]?.resolve();
          const statusOf = await second.promise;
          await eventually(async () => expect(await statusOf()).toBe('running'));
          return true;
        },
      },
    });
    await app.coordinator.start(type, {}, { id: '0' });
    const waiting = await app.coordinator.start(type, {}, { id: '1' });
    second.resolve(async () => (await waiting.snapshot())?.status);
    const { text } = await app.act('cancel', { filter: { status: 'pending' } });
    expect(outcomeOf(text)).toMatchObject({ total: 1, asked: 1, accepted: 0, unmatched: 1, isWhole: true });
    places[1]?.resolve();
    expect(await waiting.outcome).toMatchObject({ status: 'completed' });
  });

  it('does not say that nothing is left where it could not look', async () => {
    const app = await createDashboardApp({ tasks: [waits()] });
    const list = jest
      .spyOn(app.app.get(TaskEngine, { strict: false }), 'list')
      .mockImplementation(() => Promise.reject(new Error('the store is away')));
    const { text } = await app.act('cancel', { filter: {} });
    list.mockRestore();
    expect(outcomeOf(text)).toMatchObject({ total: 0, isWhole: false, isDone: true });
  });

  it('logs each task that it has cancelled', async () => {
    const type = waits();
    const app = await createDashboardApp({ tasks: [type], dashboard: { by: () => 'ada' } });
    for (const id of ['a', 'b']) await app.coordinator.start(type, {}, { id });
    await app.act('cancel', { filter: {} });
    const lines = app.logs.lines.map(({ text }) => text).filter((text) => text.startsWith('cancel '));
    expect(lines.toSorted()).toEqual(
      ['a', 'b'].map((id) => `cancel test/waits/${id}, of all that match, by "ada"`),
    );
  });
});

it('a request that was too late leaves no time of a cancellation', async () => {
  const type = handlerTask(() => 'done', { name: 'done' });
  const app = await createDashboardApp({ tasks: [type] });
  await (
    await app.coordinator.start(type, {}, { id: 'x' })
  ).outcome;
  expect(await app.act('tasks/test/done/x/cancel')).toMatchObject({ status: 409 });
  await using stream = await app.watch('test/done/x');
  expect((await stream.next('task')).data).not.toHaveProperty('times');
});
