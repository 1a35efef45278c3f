import { describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { StoreUnavailableError, type TaskContext } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask } from '../../support/app.js';
import { Hold, heldEngine } from '../../support/app/held-engine.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';

describe('the page on deployment', () => {
  const examples = new Examples(page('deployment'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  test('a probe that asks whether the store answers', async () => {
    const { HealthController } = await load<{ HealthController: Type }>('health.controller.ts');
    const hold = new Hold();
    const { origin } = await createTaskApp({
      controllers: [HealthController],
      options: { engine: heldEngine(hold) },
    });
    const statusOf = async (probe: string): Promise<number> =>
      (await fetch(`${origin}/health/${probe}`)).status;
    expect(await Promise.all(['live', 'ready'].map(statusOf))).toEqual([200, 200]);
    hold.pass = () => Promise.reject(new StoreUnavailableError('It does not answer'));
    expect(await Promise.all(['live', 'ready'].map(statusOf))).toEqual([200, 503]);
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
});
