/** A dashboard of one instance shows and cancels what other instances run. */
import { expect, it } from '@jest/globals';
import { handlerTask } from '../support/app.js';
import { engineOnRedis, newPrefix } from '../support/app/redis-engine.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { eventually } from '../support/wait.js';
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
});
