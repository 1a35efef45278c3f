import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  CoordinatorService,
  type EventTask,
  OnTaskEvent,
  ShuttingDownError,
  StoreUnavailableError,
  type TaskEvent,
} from 'nestjs-streaming';
import { Hold, heldEngine } from '../support/app/held-engine.js';
import { deferred, eventually } from '../support/wait.js';
import {
  createTaskApp,
  type Puppet,
  PuppetTask,
  type TaskApp,
  type TaskAppOptions,
} from '../support/watching.js';

const unavailable = new StoreUnavailableError('The store does not answer');

async function open(
  options: TaskAppOptions = {},
): Promise<{ app: TaskApp; hold: Hold; task: PuppetTask; puppet: Puppet }> {
  const task = new PuppetTask();
  const hold = new Hold();
  const app = await createTaskApp({
    ...options,
    tasks: [task.type],
    options: { engine: heldEngine(hold) },
    logs: 'here',
    listen: false,
  });
  return { app, hold, task, puppet: await task.start(app) };
}

describe('an engine that answers later', () => {
  it('has events() begin when the task is found', async () => {
    const { app, hold, puppet } = await open();
    const gate = deferred();
    hold.pass = () => gate.promise;
    const types: string[] = [];
    app.coordinator.events(puppet.handle.ref).subscribe(({ type }) => types.push(type));
    await nextTurn();
    expect(types).toEqual([]);
    puppet.send('hello');
    gate.resolve();
    await eventually(() => expect(types).toEqual(['started', 'hello']));
    await puppet.end();
    expect(types).toEqual(['started', 'hello', 'completed']);
  });

  it.each([true, false])('watches nothing for a subscriber that has left (found: %s)', async (isFound) => {
    const { app, hold, puppet } = await open();
    const gate = deferred();
    hold.pass = () => gate.promise;
    const received: unknown[] = [];
    const subscription = app.coordinator.events(puppet.handle.ref).subscribe({
      next: (event: TaskEvent) => received.push(event),
      error: (error: unknown) => received.push(error),
    });
    await eventually(() => expect(hold.pending).toEqual(['find']));
    subscription.unsubscribe();
    if (isFound) gate.resolve();
    else gate.reject(unavailable);
    await eventually(() => expect(hold.pending).toEqual([]));
    await nextTurn();
    expect(received).toEqual([]);
    expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 0 });
  });

  it('has every call reject where the store does not answer, and nothing else', async () => {
    const { app, hold, task, puppet } = await open();
    const { coordinator } = app;
    const { ref } = puppet.handle;
    hold.pass = () => Promise.reject(unavailable);
    const failed = deferred<unknown>();
    coordinator.events(ref).subscribe({ error: failed.resolve });
    expect(await failed.promise).toBe(unavailable);
    for (const ask of [
      () => coordinator.start(task.type, {}),
      () => coordinator.start(task.type, {}, { id: 'other' }),
      () => coordinator.cancelTask(ref),
      () => coordinator.signal(ref, 'go'),
      () => coordinator.get(ref),
      () => coordinator.list(),
      () => coordinator.isTaskRunning(ref.app, ref.name, ref.id),
      () => puppet.handle.cancel(),
      () => puppet.handle.cancel({ wait: 'settled' }),
    ]) {
      await expect(ask()).rejects.toBe(unavailable);
    }
    hold.pass = () => Promise.resolve();
    expect((await coordinator.list()).items).toHaveLength(1);
    expect(await coordinator.get(ref)).toMatchObject({ status: 'running' });
  });

  it('starts nothing for a caller whose id was looked for when the application closed', async () => {
    const { app, hold, task } = await open();
    const gate = deferred();
    hold.pass = () => gate.promise;
    const starting = app.coordinator.start(task.type, {}, { id: 'late' });
    starting.catch(() => undefined);
    await eventually(() => expect(hold.pending).toEqual(['find']));
    const closed = app.app.close();
    await nextTurn();
    gate.resolve();
    await expect(starting).rejects.toThrow(ShuttingDownError);
    await closed;
    expect(task.calls).toBe(1);
  });

  it('reports what an @OnTaskEvent() method throws of it, and goes on', async () => {
    const seen: string[] = [];
    @Injectable()
    class Audit {
      constructor(private readonly coordinator: CoordinatorService) {}

      @OnTaskEvent()
      async on({ type }: TaskEvent, { app, name, id }: EventTask): Promise<void> {
        seen.push(type);
        await this.coordinator.get({ app, name, id });
      }
    }
    const { app, hold, puppet } = await open({ providers: [Audit] });
    await eventually(() => expect(seen).toEqual(['started']));
    hold.pass = () => Promise.reject(unavailable);
    puppet.send('one');
    puppet.send('two');
    await puppet.end();
    await eventually(() => expect(seen).toEqual(['started', 'one', 'two', 'completed']));
    await app.app.close();
    expect(app.logs.lines.filter(({ text }) => text.includes('The store does not answer'))).toHaveLength(3);
  });
});
