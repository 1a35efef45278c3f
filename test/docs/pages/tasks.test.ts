import { describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { TaskContext, TaskHandle, TaskHandler } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask } from '../../support/app.js';
import { commandsOf, runCurl } from '../support/curl.js';
import { page } from '../support/documents.js';
import { Examples, expectCancelled, type Started } from '../support/examples.js';

type TaskType = Type<TaskHandler>;

describe('the page on tasks', () => {
  const examples = new Examples(page('tasks'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);
  const startMethod = (name: string, input?: unknown): Promise<Started> => examples.start(name, input);

  async function start(task: TaskType, input: unknown): Promise<TaskHandle> {
    const { coordinator } = await createTaskApp({ tasks: [task], listen: false });
    return coordinator.start(task, input);
  }

  test('a task that is an async function', async () => {
    const { ReportTask } = await load<{ ReportTask: TaskType }>('report.task.ts');
    const handle = await start(ReportTask, { month: '2026-11' });
    const events = await collect(handle.events()).done;
    expect(events.map(({ type }) => type)).toEqual(['started', 'part', 'part', 'part', 'completed']);
    await expect(handle.result).resolves.toEqual({ url: '/reports/2026-11.pdf' });
  });

  test('an async generator sends what it yields', async () => {
    const { handle, events } = await startMethod('generator', { files: ['a', 'b'] });
    await expect(handle.result).resolves.toEqual({ files: 2 });
    const progress = (await events.done).filter(({ type }) => type === 'progress').map(({ data }) => data);
    expect(progress).toEqual([
      { percent: 50, message: 'a' },
      { percent: 100, message: 'b' },
    ]);
    await expectCancelled(await startMethod('generator', { files: ['a', 'b'] }));
  });

  test('an Observable sends what it emits', async () => {
    const { handle, events } = await startMethod('observable', { steps: 4 });
    await expect(handle.result).resolves.toEqual({ percent: 100 });
    const percents = (await events.done).filter(({ type }) => type === 'progress').map(({ data }) => data);
    expect(percents).toEqual([25, 50, 75, 100].map((percent) => ({ percent })));
    await expectCancelled(await startMethod('observable', { steps: 1_000 }));
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
    const { RestoreTask } = await load<{ RestoreTask: TaskType }>('restore.task.ts');
    const { coordinator } = await createTaskApp({ tasks: [RestoreTask], listen: false });
    const handle = await coordinator.start(RestoreTask, { table: 'orders', rows: 3 });
    await expect(handle.result).resolves.toEqual({ restored: 3, into: 'orders' });
    await expect(coordinator.start(RestoreTask, { table: 'orders', rows: 0 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      issues: [{ path: ['rows'] }],
    });
  });

  test('a handler waits for a signal', async () => {
    const Example = await examples.method('approval');
    const { coordinator } = await createTaskApp({ tasks: [Example], listen: false });
    const handle = await coordinator.start({ app: 'docs', name: 'approval' }, { amount: 12 });
    await collect(handle.events()).until('approval-needed');
    expect(await coordinator.signal(handle.ref, 'approval', { approved: true })).toBe(true);
    await expect(handle.result).resolves.toEqual({ paid: 12 });
    await expectCancelled(await startMethod('approval', { amount: 12 }));
  });

  test('the command that sends a signal', async () => {
    const commands = page('tasks')
      .blocks.filter(({ language }) => language === 'sh')
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

  test('a task that is tried again', async () => {
    const { SyncTask } = await load<{ SyncTask: TaskType }>('sync.task.ts');
    const handle = await start(SyncTask, { failures: 1 });
    const events = await collect(handle.events()).done;
    expect(events.map(({ type }) => type)).toEqual(['started', 'retrying', 'started', 'completed']);
    expect(events[1]?.data).toEqual({ attempt: 2, delay: 200, message: 'Internal error', cause: 'failed' });
    await expect(handle.result).resolves.toEqual({ tries: 2 });
  });

  test('a task that goes on from its checkpoint', async () => {
    const { RowStore, RowsTask } = await load<{ RowStore: Type; RowsTask: TaskType }>('rows.task.ts');
    const inserted: number[] = [];
    const store = {
      insert: async (from: number) => {
        inserted.push(from);
        if (inserted.length === 3) throw new Error('The store is busy');
      },
    };
    const { coordinator } = await createTaskApp({
      tasks: [RowsTask],
      providers: [{ provide: RowStore, useValue: store }],
      options: { tasks: { backoff: 0 } },
      listen: false,
    });
    const handle = await coordinator.start(RowsTask, { rows: 450 });
    await expect(handle.result).resolves.toEqual({ rows: 450, first: 200 });
    expect(inserted).toEqual([0, 100, 200, 200, 300, 400]);
  });

  test('a task that folds its events', async () => {
    const { LoadRowsTask } = await load<{ LoadRowsTask: TaskType }>('load-rows.task.ts');
    const handle = await start(LoadRowsTask, { rows: 600 });
    await handle.result;
    expect(await handle.snapshot()).toMatchObject({ state: { loaded: 600, broken: [200, 500] } });
  });

  test('a request-scoped provider that asks whose task it is', async () => {
    const { Audit, ScopedTask } = await load<{ Audit: Type; ScopedTask: TaskType }>('scoped.task.ts');
    const { coordinator } = await createTaskApp({ tasks: [ScopedTask], providers: [Audit], listen: false });
    const results = await Promise.all(
      ['ann', 'bob'].map(async (owner) => (await coordinator.start(ScopedTask, {}, { owner })).result),
    );
    expect(results).toEqual([{ user: 'ann' }, { user: 'bob' }]);
  });
});
