/** What the page of a task shows of its input and of those who watch it. */
import { describe, expect, it } from '@jest/globals';
import { TaskEngine } from '../../lib/engine/task-engine.js';
import { createTaskApp, handlerTask } from '../support/app.js';
import { openStream } from '../support/clients/sse.js';
import { adapters } from '../support/watching.js';
import { deferred } from '../support/wait.js';
import { watchedBy, type WatchedBy } from '../../lib/dashboard/live/watched-by.js';
import { createDashboardApp } from './support.js';

interface Told {
  readonly snapshot?: {
    readonly status: string;
    readonly watchers: number;
    readonly inputBytes?: number;
    readonly watchedBy?: WatchedBy;
  };
}

const byUser = (request: { headers: Record<string, string | undefined> }) => request.headers['user'];

function waits() {
  const over = deferred();
  return { over, type: handlerTask((task) => task.waitFor(over.promise), { name: 'waits' }) };
}

describe.each(adapters)('the page of a task on %s', (adapter) => {
  it('tells who watches, by the names of http.owner, with counts', async () => {
    const { type } = waits();
    const app = await createDashboardApp({ adapter, tasks: [type], options: { http: { owner: byUser } } });
    const handle = await app.coordinator.start(type, {}, { id: 'one' });
    const url = `${app.url}/test/waits/one`;
    const clients = await Promise.all(
      ['ada', 'ada', 'grace', undefined].map((user) =>
        openStream(url, { headers: user === undefined ? {} : { user } }),
      ),
    );
    const inCode = handle.events().subscribe();
    await using page = await app.watch('test/waits/one');
    const { data } = await page.next<Told>(
      (event) => (event.data as Told).snapshot?.watchedBy?.names.length === 3,
    );
    expect(data.snapshot).toMatchObject({
      watchers: 5,
      watchedBy: {
        names: [{ name: 'ada', streams: 2 }, { name: 'grace', streams: 1 }, { streams: 1 }],
        others: 0,
      },
    });
    await clients[0]!.close();
    await page.next((event) => (event.data as Told).snapshot?.watchedBy?.names[0]?.streams === 1);
    for (const client of clients.slice(1)) await client.close();
    await page.next((event) => (event.data as Told).snapshot?.watchedBy?.names.length === 0);
    inCode.unsubscribe();
  });

  it('lets nobody down whose name cannot be told', async () => {
    const { type } = waits();
    const app = await createDashboardApp({
      adapter,
      tasks: [type],
      options: {
        http: {
          owner: () => {
            throw new Error('nobody is signed in');
          },
        },
      },
    });
    await app.coordinator.start(type, {}, { id: 'one' });
    await using client = await openStream(`${app.url}/test/waits/one`);
    await client.next('started');
    await using page = await app.watch('test/waits/one');
    const { data } = await page.next<Told>((event) => (event.data as Told).snapshot?.watchers === 1);
    expect(data.snapshot?.watchedBy).toEqual({ names: [{ streams: 1 }], others: 0 });
  });
});

it('the size of an input is that of its JSON in UTF-8, also when the task has ended', async () => {
  const { type, over } = waits();
  const app = await createDashboardApp({ tasks: [type] });
  const inputs = { flat: { name: 'Ünal' }, deep: { rows: [1, 2, { a: '€' }] }, none: undefined };
  for (const [id, input] of Object.entries(inputs)) await app.coordinator.start(type, input, { id });
  over.resolve();
  for (const [id, input] of Object.entries(inputs)) {
    await using page = await app.watch(`test/waits/${id}`);
    const { data } = await page.next<Told>((event) => (event.data as Told).snapshot?.status === 'completed');
    const size = input === undefined ? 0 : Buffer.byteLength(JSON.stringify(input));
    expect(data.snapshot?.inputBytes).toBe(size);
  }
});

it('names and sizes are redacted like the rest', async () => {
  const { type } = waits();
  const app = await createDashboardApp({
    tasks: [type],
    options: { http: { owner: byUser } },
    dashboard: { redact: (shown) => ({ ...shown, watchedBy: undefined, inputBytes: undefined }) },
  });
  await app.coordinator.start(type, {}, { id: 'one' });
  await using client = await openStream(`${app.url}/test/waits/one`, {
    headers: { user: 'ada@example.com' },
  });
  await client.next('started');
  await using page = await app.watch('test/waits/one');
  await page.next((event) => (event.data as Told).snapshot?.watchers === 1);
  expect(page.raw).not.toMatch(/ada@example|watchedBy|inputBytes/);
});

it('nobody is asked for a name, and no input is measured, where no dashboard shows it', async () => {
  const { type } = waits();
  let asked = 0;
  const app = await createTaskApp({
    tasks: [type],
    options: {
      http: {
        owner: () => {
          asked++;
          return 'ada';
        },
      },
    },
  });
  await app.coordinator.start(type, { a: 1 }, { id: 'one' });
  await using client = await openStream(`${app.url}/test/waits/one`);
  await client.next('started');
  const view = await app.app
    .get(TaskEngine, { strict: false })
    .find({ app: 'test', name: 'waits', id: 'one' });
  expect([asked, view?.inputBytes]).toEqual([0, undefined]);
});

it('twenty names are listed, those with most streams first, and the others are counted', () => {
  const counts = new Map<string | undefined, number>(
    Array.from({ length: 30 }, (_, n) => [n === 5 ? undefined : `user-${n}`, n + 1]),
  );
  const { names, others, isPart } = watchedBy(counts, true);
  expect(names).toHaveLength(20);
  expect(names[0]).toEqual({ name: 'user-29', streams: 30 });
  expect(others).toBe((10 * 11) / 2);
  expect(isPart).toBe(true);
  expect(watchedBy(new Map([['n'.repeat(500), 1]]), false)).toEqual({
    names: [{ name: 'n'.repeat(100), streams: 1 }],
    others: 0,
  });
});
