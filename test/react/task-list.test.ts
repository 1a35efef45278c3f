import { describe, expect, it } from '@jest/globals';
import type { ListFilter } from 'nestjs-streaming/client';
import type { TasksView, UseTasksOptions } from 'nestjs-streaming/react';
import { TaskList } from '../../lib/react/task-list.js';
import { clientOf, json, ScriptedServer, serve, snapshot } from '../client/support.js';
import { eventually } from '../support/wait.js';
import { closeLater, expectWatchers, PuppetTask, seqOf } from '../support/watching.js';

/** What a component with a list would render. */
function show(
  app: { readonly url: string },
  filter: ListFilter,
  options: UseTasksOptions = {},
): { readonly list: TaskList; readonly views: TasksView[]; readonly ids: () => string[]; unmount(): void } {
  const list = new TaskList(clientOf(app), filter, options);
  const views: TasksView[] = [];
  const unmount = list.subscribe(() => views.push(list.getView()));
  closeLater(unmount);
  return { list, views, unmount, ids: () => list.getView().items.map(({ id }) => id) };
}

async function play(): Promise<{ app: Awaited<ReturnType<typeof serve>>; task: PuppetTask }> {
  const task = new PuppetTask();
  const app = await serve(task);
  return { app, task };
}

const never = { refresh: Infinity };

describe('a list of tasks', () => {
  it('is pending, then has those that match, each live, on one connection', async () => {
    const { app, task } = await play();
    const [first, second, ended] = [await task.start(app), await task.start(app), await task.start(app)];
    await first.context.progress(10);
    await ended.end();
    const { list, views, ids } = show(app, { status: 'running' }, never);
    expect(list.getView()).toMatchObject({ items: [], pending: true, nextCursor: null });
    await eventually(() => expect(ids()).toEqual([second.id, first.id]));
    expect(views[0]).toMatchObject({ pending: false, error: undefined });
    expect(list.getView().items[1]).toMatchObject({
      app: 'test',
      name: task.name,
      status: 'running',
      progress: { percent: 10 },
      createdAt: expect.any(String),
    });
    await eventually(() =>
      expect(list.getView().items.map(({ connection }) => connection)).toEqual(['live', 'live']),
    );
    await first.context.progress(20);
    await eventually(() => expect(list.getView().items[1]?.progress).toEqual({ percent: 20 }));
    expect(list.getView().items[1]?.events.map(seqOf)).toEqual([3]);
    const [untouched] = list.getView().items;
    await first.end({ n: 1 });
    await eventually(() =>
      expect(list.getView().items[1]?.outcome).toEqual({ status: 'completed', value: { n: 1 } }),
    );
    expect(list.getView().items[0]).toBe(untouched);
    await second.end();
    expect(app.asked.filter((url) => url.includes('/events?'))).toHaveLength(1);
  });

  it('has those that start later, and leaves those that match no more', async () => {
    const { app, task } = await play();
    const first = await task.start(app);
    const refresh = 400;
    const { ids, list } = show(app, { status: 'running' }, { refresh });
    await eventually(() => expect(ids()).toEqual([first.id]));
    const second = await task.start(app);
    const from = performance.now();
    await eventually(() => expect(ids()).toEqual([second.id, first.id]));
    expect(performance.now() - from).toBeLessThan(2 * refresh);
    await eventually(() =>
      expect(list.getView().items.map(({ connection }) => connection)).toEqual(['live', 'live']),
    );
    // The second run joins the connection of the first.
    expect(app.asked.map((url) => url.split('task=').length)).toEqual([1, 3]);
    await first.end();
    await eventually(() => expect(ids()).toEqual([second.id]));
    await second.end();
  });

  it('shows further pages, and goes on showing them', async () => {
    const { app, task } = await play();
    const puppets = [];
    for (let n = 0; n < 5; n++) puppets.unshift(await task.start(app));
    const all = puppets.map(({ id }) => id);
    const { ids, list, views } = show(app, { limit: 2 }, never);
    await eventually(() => expect(ids()).toEqual(all.slice(0, 2)));
    const { loadMore, refresh } = list.getView();
    const more = loadMore();
    // A second click while the first is answered asks for nothing.
    await Promise.all([more, loadMore()]);
    expect(ids()).toEqual(all.slice(0, 4));
    expect(views.map(({ pending }) => pending)).toContain(true);
    expect(list.getView()).toMatchObject({ pending: false });
    await loadMore();
    expect(ids()).toEqual(all);
    expect(list.getView().nextCursor).toBeNull();
    await loadMore();
    const newest = await task.start(app);
    await refresh();
    expect(ids()).toEqual([newest.id, ...all]);
    for (const puppet of [newest, ...puppets]) await puppet.end();
  });

  it('watches nothing that has ended', async () => {
    const { app, task } = await play();
    const puppet = await task.start(app);
    await puppet.end({ n: 1 });
    const { list, ids } = show(app, {}, never);
    await eventually(() => expect(ids()).toEqual([puppet.id]));
    expect(list.getView().items[0]).toMatchObject({
      status: 'completed',
      outcome: { status: 'completed', value: { n: 1 } },
    });
    expect(app.asked).toEqual([]);
  });

  it('stops watching and asking when it is unmounted, and cancels nothing', async () => {
    const { app, task } = await play();
    const puppet = await task.start(app);
    const { unmount, ids } = show(app, {}, { refresh: 20 });
    await eventually(() => expect(ids()).toEqual([puppet.id]));
    await expectWatchers(puppet, 1);
    unmount();
    await expectWatchers(puppet, 0);
    expect(await puppet.handle.snapshot()).toMatchObject({ status: 'running' });
    await puppet.end();
  });

  it('that is mounted twice in one turn asks once', async () => {
    const server = await ScriptedServer.open(
      json(200, { items: [snapshot({ status: 'completed' })], nextCursor: null }),
    );
    const { list, unmount } = show(server, {}, never);
    unmount();
    closeLater(list.subscribe(() => undefined));
    await eventually(() => expect(list.getView().items).toHaveLength(1));
    expect(server.asked).toHaveLength(1);
  });

  it('says why it cannot be had, and keeps what was found', async () => {
    const page = json(200, { items: [snapshot({ status: 'completed' })], nextCursor: null });
    const refused = json(403, { message: 'no', code: 'FORBIDDEN' });
    const server = await ScriptedServer.open(page, refused, page);
    const { list } = show(server, {}, never);
    await eventually(() => expect(list.getView().items).toHaveLength(1));
    await list.getView().refresh();
    expect(list.getView()).toMatchObject({ error: { status: 403 }, pending: false });
    expect(list.getView().items).toHaveLength(1);
    await list.getView().refresh();
    expect(list.getView().error).toBeUndefined();
  });

  it('shows an id that was started again as the new run', async () => {
    const one = { status: 'completed', createdAt: '2026-01-01T00:00:00.000Z' };
    const two = {
      status: 'failed',
      createdAt: '2026-01-02T00:00:00.000Z',
      error: { message: 'no', errorType: 'Error' },
    };
    const server = await ScriptedServer.open(
      ...[one, two].map((facts) => json(200, { items: [snapshot(facts)], nextCursor: null })),
    );
    const { list } = show(server, {}, never);
    await eventually(() => expect(list.getView().items[0]?.status).toBe('completed'));
    await list.getView().refresh();
    expect(list.getView().items.map(({ status }) => status)).toEqual(['failed']);
  });
});
