/** A dashboard of one instance shows and cancels what other instances run. */
import { expect, it } from '@jest/globals';
import { handlerTask } from '../support/app.js';
import { engineOnRedis, newPrefix } from '../support/app/redis-engine.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { openStream } from '../support/clients/sse.js';
import { deferred, eventually } from '../support/wait.js';
import type { WatchedBy } from '../../lib/dashboard/live/watched-by.js';
import { createDashboardApp, type ListData, rowsWhen } from './support.js';

describeWithRedis('the dashboard of many instances', [], () => {
  it('lists, follows, signals and cancels tasks that another instance runs', async () => {
    const prefix = newPrefix();
    const type = handlerTask(
      async (task) => {
        await task.progress({ percent: 40, message: 'reading' });
        await task.sendEvent('signalled', await task.waitForSignal('go'));
        await task.sleep(60_000);
      },
      { name: 'Import' },
    );
    const start = async (run: boolean) =>
      createDashboardApp({
        tasks: [type],
        options: { engine: await engineOnRedis(prefix, { run }) },
        dashboard: { access: () => true, by: () => 'ada' },
      });
    const worker = await start(true);
    const watcher = await start(false);
    const ids = Array.from({ length: 20 }, (_, n) => `n-${n}`);
    for (const id of ids) await worker.coordinator.start(type, {}, { id, owner: 'grace' });

    await using list = await watcher.list();
    await rowsWhen(list, (rows) => ids.every((id) => rows.get(`test:Import:${id}`)?.percent === 40));
    await using task = await watcher.watch('test/Import/n-0');
    await task.next('events');
    expect(await watcher.act('tasks/test/Import/n-0/signal', { name: 'go', data: 7 })).toMatchObject({
      status: 202,
    });
    await eventually(() => expect(task.raw).toContain('"type":"signalled","data":7'));
    // The page is no watcher.
    expect(await watcher.coordinator.get({ app: 'test', name: 'Import', id: 'n-0' })).toMatchObject({
      watchers: 0,
    });
    const { text } = await watcher.act('cancel', { filter: { owner: 'grace' }, detail: 'all' });
    expect(JSON.parse(text.trim().split('\n').at(-1)!)).toMatchObject({ accepted: 20, isWhole: true });
    await rowsWhen(list, (rows) => [...rows.values()].every(({ status }) => status === 'cancelled'));
    await eventually(() => expect(task.raw).toContain('"by":"ada"'));
    await using ended = await worker.list('?status=cancelled');
    expect((await ended.next<ListData>('all')).data.summary.total).toBe(20);
  });

  it('counts the watchers of all, knows the names of its own, and the size of an input also behind the end', async () => {
    const prefix = newPrefix();
    const over = deferred();
    const type = handlerTask((task) => task.waitFor(over.promise), { name: 'Import' });
    const start = async (run: boolean) =>
      createDashboardApp({
        tasks: [type],
        options: {
          engine: await engineOnRedis(prefix, { run }),
          http: { owner: (request: { headers: { user?: string } }) => request.headers.user },
        },
        dashboard: { access: () => true },
      });
    const [here, elsewhere] = [await start(true), await start(false)];
    const input = { rows: ['ä', 'b'] };
    await elsewhere.coordinator.start(type, input, { id: 'one' });
    const clients = await Promise.all(
      [here, elsewhere, elsewhere].map(({ url }, n) =>
        openStream(`${url}/test/Import/one`, { headers: { user: `user-${n}` } }),
      ),
    );
    interface Told {
      readonly snapshot?: {
        readonly status: string;
        readonly watchers: number;
        readonly watchedBy?: WatchedBy;
      };
    }
    await using page = await here.watch('test/Import/one');
    const { data } = await page.next<Told>((event) => (event.data as Told).snapshot?.watchers === 3);
    expect(data.snapshot).toMatchObject({
      watchedBy: { names: [{ name: 'user-0', streams: 1 }], isPart: true },
    });
    over.resolve();
    const end = await page.next<Told>((event) => (event.data as Told).snapshot?.status === 'completed');
    expect(end.data.snapshot).toMatchObject({ inputBytes: Buffer.byteLength(JSON.stringify(input)) });
    for (const client of clients) expect(await client.ended).toBe('complete');
  });
});
