import { describe, expect, test } from '@jest/globals';
import { Module, type Type } from '@nestjs/common';
import type { StreamTaskOptions, TaskContext, TaskHandler } from 'nestjs-streaming';
import { createStreamingClient, type TaskRun } from 'nestjs-streaming/client';
import { z } from 'zod';
import { createTaskApp, handlerTask, type TaskApp } from '../../support/app.js';
import { tallied, tallies, tallyOf } from '../../support/folding.js';
import { eventually } from '../../support/wait.js';
import { PuppetTask } from '../../support/watching.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';

type CountInput = { to: number };

describe('the page on the client', () => {
  const examples = new Examples(page('client'));

  function serve(): Promise<TaskApp> {
    const Count = handlerTask(
      async (task: TaskContext<CountInput>) => {
        const { to } = task.input;
        if (to >= 100) await task.sleep(60_000);
        await task.progress(100);
        return { counted: to };
      },
      { app: 'app', name: 'CountTask', input: z.object({ to: z.number() }) },
    );
    return createTaskApp({
      tasks: [Count],
      options: { http: { start: true, list: true } },
      forceCloseConnections: true,
    });
  }

  test('start and watch', async () => {
    const { countTo } = await examples.load<{
      countTo(baseUrl: string, to: number, show: (text: string) => void): Promise<void>;
    }>('count.client.ts');
    const { url } = await serve();
    const shown: string[] = [];
    await countTo(url, 3, (text) => shown.push(text));
    expect(shown).toEqual(['started', 'progress', 'completed', '{"counted":3}']);
  });

  test('types: the client, and the task that they come from', async () => {
    const { TranscodeTask } = await examples.load<{ TranscodeTask: Type<TaskHandler> }>('transcode.task.ts');
    const { transcode } = await examples.load<{
      transcode(baseUrl: string, path: string): Promise<unknown>;
    }>('typed.client.ts');
    @Module({ providers: [TranscodeTask] })
    class MediaModule {}
    const { url } = await createTaskApp({ imports: [MediaModule], options: { http: { start: true } } });
    const year = new Date().toISOString().slice(0, 4);
    expect(await transcode(url, '/a')).toEqual({ codec: 'av1', url: '/done/a', year });
  });

  // There is nothing to run in types: the compiler is their test.
  for (const name of ['tasks.ts', 'tasks-by-hand.ts']) examples.leaveOut(name);

  test('start, attach, cancel', async () => {
    const { control } = await examples.load<{
      control(baseUrl: string, say: (text: string) => void): Promise<void>;
    }>('control.client.ts');
    const { url } = await serve();
    const said: string[] = [];
    await control(url, (text) => said.push(text));
    expect(said).toEqual(['400 INVALID_INPUT', 'true', 'external_cancellation: enough', 'false']);
  });

  test('a fold of a client', async () => {
    const { statesOf } = await examples.load<{
      statesOf(run: TaskRun, reduce: typeof tallied): AsyncIterable<unknown>;
    }>('fold.client.ts');
    const task = new PuppetTask({ ...(tallies as StreamTaskOptions), replay: { events: 3 } });
    const server = await createTaskApp({ tasks: [task.type], forceCloseConnections: true });
    const puppet = await task.start(server);
    puppet.count(5);
    const { app, name, id } = puppet.handle.ref;
    const client = createStreamingClient({ baseUrl: server.url });
    const states = statesOf(client.task(app, name).attach(id), tallied)[Symbol.asyncIterator]();
    expect((await states.next()).value).toEqual(tallyOf(5));
    puppet.count(1);
    expect((await states.next()).value).toEqual(tallyOf(6));
    // It falls behind what is kept.
    puppet.count(9);
    const next = states.next();
    await puppet.end();
    let last = (await next).value as unknown;
    for (let step = await states.next(); !step.done; step = await states.next()) last = step.value;
    expect(last).toEqual(tallyOf(15, { completed: 1 }));
  });

  test('many tasks', async () => {
    const { outcomes, idsOfAll } =
      await examples.load<Record<'outcomes' | 'idsOfAll', (baseUrl: string) => Promise<string[]>>>(
        'many.client.ts',
      );
    const { url, coordinator } = await serve();
    const count = { app: 'app', name: 'CountTask' };
    const refs = ['one', 'two'].map((id) => ({ ...count, id }));
    for (const { id } of refs) await coordinator.start(count, { to: 100 }, { id });
    const until = (facts: object): Promise<void> =>
      eventually(async () => {
        for (const ref of refs) expect(await coordinator.get(ref)).toMatchObject(facts);
      });
    await until({ status: 'running' });
    const ends = outcomes(url);
    await until({ watchers: 1 });
    for (const ref of refs) await coordinator.cancelTask(ref);
    expect(await ends).toEqual(['cancelled', 'cancelled']);
    expect((await idsOfAll(url)).toSorted()).toEqual(['one', 'two']);
  });
});
