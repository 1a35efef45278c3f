import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from '@jest/globals';
import { Controller, Injectable, Module, type Provider, Scope, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import {
  type EventTask,
  InvalidOptionsError,
  OnTaskEvent,
  type OnTaskEventOptions,
  TaskContext,
  type TaskEvent,
} from 'nestjs-streaming';
import { createTaskApp, handlerTask, type TaskAppOptions } from '../support/app.js';
import { deferred, eventually } from '../support/wait.js';

const storage = new AsyncLocalStorage<string>();

/** A listener that notes what it is called with. */
function recorder(types?: string | string[], options?: OnTaskEventOptions) {
  @Injectable()
  class Recorder {
    readonly calls: { event: TaskEvent; task: EventTask }[] = [];

    @OnTaskEvent(types, options)
    record(event: TaskEvent, task: EventTask) {
      this.calls.push({ event, task });
    }

    get seen(): string[] {
      return this.calls.map(({ event, task }) => `${task.name}/${task.id} ${event.type}`);
    }
  }
  return Recorder;
}

const Steps = handlerTask(
  async (task: TaskContext) => {
    await task.progress(50);
    await task.sendEvent('note', { text: 'hi' });
    return 'done';
  },
  { app: 'a', name: 'steps' },
);

const Other = handlerTask(() => null, { app: 'b', name: 'other' });

async function run(Listener: Type, options: TaskAppOptions = {}) {
  const created = await createTaskApp({
    tasks: [Steps, Other],
    listen: false,
    ...options,
    providers: [Listener, ...(options.providers ?? [])],
  });
  await (
    await created.coordinator.start(Steps, {}, { id: '1', owner: 'ann', metadata: { at: [1] } })
  ).outcome;
  await (
    await created.coordinator.start(Other, {}, { id: '2' })
  ).outcome;
  await created.coordinator.shutdown();
  return created;
}

describe('a method with @OnTaskEvent() is called', () => {
  test('with every event of every task, in order, and with whose it is', async () => {
    const Recorder = recorder();
    const { app } = await run(Recorder);
    const { calls, seen } = app.get(Recorder);
    expect(seen).toEqual([
      'steps/1 started',
      'steps/1 progress',
      'steps/1 note',
      'steps/1 completed',
      'other/2 started',
      'other/2 completed',
    ]);
    expect(calls[2]).toEqual({
      event: {
        id: expect.stringMatching(/-3$/),
        type: 'note',
        data: { text: 'hi' },
        timestamp: expect.any(Number),
      },
      task: { app: 'a', name: 'steps', id: '1', owner: 'ann', metadata: { at: [1] } },
    });
    expect(calls[5]?.task).toEqual({ app: 'b', name: 'other', id: '2' });
  });

  test.each<[unknown, OnTaskEventOptions | undefined, string[]]>([
    ['completed', undefined, ['steps/1 completed', 'other/2 completed']],
    [['started', 'note'], undefined, ['steps/1 started', 'steps/1 note', 'other/2 started']],
    [undefined, { app: 'b' }, ['other/2 started', 'other/2 completed']],
    ['completed', { name: 'steps' }, ['steps/1 completed']],
    ['completed', { app: 'b', name: 'steps' }, []],
  ])('for the types %j of the tasks %j alone', async (types, options, seen) => {
    const Recorder = recorder(types as string, options);
    const { app } = await run(Recorder);
    expect(app.get(Recorder).seen).toEqual(seen);
  });

  test('on controllers, on what a factory or a value provides, once for each instance, and where it is inherited', async () => {
    const seen: string[] = [];
    class Base {
      @OnTaskEvent('completed', { app: 'b' })
      base() {
        seen.push(this.constructor.name);
      }
    }
    @Controller('listening')
    class InController extends Base {}
    @Injectable()
    class ByFactory extends Base {}
    class AsValue extends Base {
      @OnTaskEvent('started', { app: 'b' })
      second() {
        seen.push('second');
      }
    }
    const value = new AsValue();
    const providers: Provider[] = [
      { provide: 'factory', useFactory: () => new ByFactory() },
      { provide: 'value', useValue: value },
      { provide: 'again', useValue: value },
      { provide: 'alias', useExisting: 'value' },
    ];
    await run(recorder(), { providers, controllers: [InController] });
    expect(seen.toSorted()).toEqual(['AsValue', 'ByFactory', 'InController', 'second']);
  });

  test('in a module that is loaded lazily', async () => {
    const Recorder = recorder('completed');
    @Module({ providers: [Recorder] })
    class LazyModule {}
    const { app, coordinator } = await createTaskApp({ tasks: [Other], listen: false });
    const moduleRef = await app.get(LazyModuleLoader).load(() => LazyModule);
    await (
      await coordinator.start(Other, {}, { id: '1' })
    ).outcome;
    await coordinator.shutdown();
    expect(moduleRef.get(Recorder).seen).toEqual(['other/1 completed']);
  });

  test('for a task that is cancelled before it begins, and for each run of an id', async () => {
    const Recorder = recorder();
    const { app, coordinator } = await createTaskApp({
      tasks: [Other],
      providers: [Recorder],
      listen: false,
    });
    await coordinator.start(Other, {}, { id: '1', signal: AbortSignal.abort() });
    const again = await coordinator.start(Other, {}, { id: '1', restart: true });
    await again.outcome;
    await coordinator.shutdown();
    expect(app.get(Recorder).seen).toEqual(['other/1 cancelled', 'other/1 started', 'other/1 completed']);
  });
});

describe('a listener', () => {
  test('that throws or rejects is logged, and changes nothing', async () => {
    @Injectable()
    class Failing {
      @OnTaskEvent('started')
      throws() {
        throw new Error('thrown here');
      }

      @OnTaskEvent('completed')
      async rejects() {
        await Promise.reject(new Error('rejected here'));
      }
    }
    const Recorder = recorder('completed');
    const { app, coordinator, logs } = await run(Failing, { providers: [Recorder] });
    expect(app.get(Recorder).seen).toEqual(['steps/1 completed', 'other/2 completed']);
    expect(await coordinator.get({ app: 'a', name: 'steps', id: '1' })).toMatchObject({
      status: 'completed',
    });
    const errors = logs.lines.filter(({ level }) => level === 'error').map(({ text }) => text);
    expect(errors).toHaveLength(4);
    expect(errors[0]).toMatch(
      /^The listener Failing\.throws\(\) of the event "started" of a:steps:1\nError: thrown here/,
    );
    expect(errors[1]).toMatch(
      /^The listener Failing\.rejects\(\) of the event "completed" of a:steps:1\nError: rejected here/,
    );
  });

  test('that is slow has the events of a task in order, and holds up neither the task nor another listener', async () => {
    const gate = deferred();
    const seen: string[] = [];
    @Injectable()
    class Slow {
      @OnTaskEvent()
      async record({ type }: TaskEvent) {
        seen.push(`${type} begins`);
        await gate.promise;
        seen.push(`${type} ends`);
      }
    }
    const Recorder = recorder('completed');
    const { app, coordinator } = await createTaskApp({
      tasks: [Other],
      providers: [Slow, Recorder],
      listen: false,
    });
    await (
      await coordinator.start(Other, {}, { id: '1' })
    ).outcome;
    await eventually(() => expect(app.get(Recorder).seen).toHaveLength(1));
    expect(seen).toEqual(['started begins']);
    gate.resolve();
    await coordinator.shutdown();
    expect(seen).toEqual(['started begins', 'started ends', 'completed begins', 'completed ends']);
  });

  test('that falls far behind loses events with one warning, but never the last', async () => {
    const gate = deferred();
    const seen: string[] = [];
    @Injectable()
    class Stuck {
      @OnTaskEvent()
      async record({ type }: TaskEvent) {
        await gate.promise;
        seen.push(type);
      }
    }
    const Many = handlerTask(
      async (task: TaskContext) => {
        for (let n = 0; n < 10_050; n++) void task.sendEvent('n', n);
      },
      { app: 'a', name: 'many' },
    );
    const { coordinator, logs } = await createTaskApp({ tasks: [Many], providers: [Stuck], listen: false });
    await (
      await coordinator.start(Many, {}, { id: '1' })
    ).outcome;
    gate.resolve();
    await coordinator.shutdown();
    expect(seen.length).toBeGreaterThanOrEqual(10_000);
    expect(seen.length).toBeLessThan(10_010);
    expect(seen.at(-1)).toBe('completed');
    expect(logs.lines.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      'Stuck.record() is slower than the events of a:many:1: 10000 wait for it, and further ones are dropped',
    ]);
  });

  test('runs in the async context of the application, not in that of the task or its caller', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Contexts {
      @OnTaskEvent()
      async record() {
        seen.push(storage.getStore(), TaskContext.current());
        await Promise.resolve();
        seen.push(storage.getStore(), TaskContext.current());
      }
    }
    const { coordinator } = await createTaskApp({ tasks: [Steps], providers: [Contexts], listen: false });
    await storage.run('of a request', async () => (await coordinator.start(Steps, {})).outcome);
    await coordinator.shutdown();
    expect(seen).toEqual(Array(16).fill(undefined));
  });

  test('gets an event and a task of its own', async () => {
    @Injectable()
    class Vandal {
      @OnTaskEvent('note')
      spoil(event: { data: { text: string } } & TaskEvent, task: EventTask) {
        event.data.text = 'spoilt';
        (task.metadata as { at: number[] }).at.push(2);
      }
    }
    const Recorder = recorder('note');
    const { app } = await run(Vandal, { providers: [Recorder] });
    expect(app.get(Recorder).calls[0]).toMatchObject({
      event: { data: { text: 'hi' } },
      task: { metadata: { at: [1] } },
    });
  });

  test('is waited for by the shutdown, while what it uses lives', async () => {
    const order: string[] = [];
    @Injectable()
    class Database {
      onModuleDestroy() {
        order.push('closed');
      }
    }
    @Injectable()
    class Audit {
      constructor(readonly database: Database) {}
      @OnTaskEvent('cancelled')
      async record() {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push('recorded');
      }
    }
    const running = deferred();
    const Long = handlerTask((task) => {
      running.resolve();
      return task.sleep(60_000);
    });
    const { app, coordinator } = await createTaskApp({
      tasks: [Long],
      providers: [Audit, Database],
      listen: false,
    });
    await coordinator.start(Long, {});
    await running.promise;
    await app.close();
    expect(order).toEqual(['recorded', 'closed']);
  });
});

describe('what is wrong stops the start', () => {
  const where = '@OnTaskEvent() of Recorder.record()';
  const types = `Wrong event type in ${where}: expected the type of an event in a task's log, or several, got`;

  test.each<[unknown, unknown, string]>([
    ['', undefined, `${types} ""`],
    [[], undefined, `${types} none`],
    [['completed', 7], undefined, `${types} 7`],
    ['gap', undefined, `${types} "gap"`],
    [null, undefined, `${types} null`],
    [undefined, { nam: 'x' }, `Unknown option "nam" in ${where}; did you mean "name"?`],
    [undefined, { app: 'a/b' }, `Wrong option "app" in ${where}`],
    [undefined, 'reports', `Wrong options in ${where}: expected an object, got "reports"`],
  ])('@OnTaskEvent(%j, %j)', async (given, options, message) => {
    const Recorder = recorder(given as string, options as OnTaskEventOptions);
    const starting = createTaskApp({ providers: [Recorder], listen: false });
    await expect(starting).rejects.toThrow(InvalidOptionsError);
    await expect(starting).rejects.toThrow(message);
  });

  test.each([Scope.REQUEST, Scope.TRANSIENT])('a provider of which there are many (%s)', async (scope) => {
    const provider = { provide: 'x', useClass: recorder(), scope };
    await expect(createTaskApp({ providers: [provider], listen: false })).rejects.toThrow(
      'Recorder has @OnTaskEvent() and is request-scoped or transient',
    );
  });

  test('an option that is undefined counts as not given', async () => {
    const Recorder = recorder(undefined, { app: undefined, name: undefined });
    const { app } = await run(Recorder);
    expect(app.get(Recorder).seen).toHaveLength(6);
  });
});

describe('@OnTaskEvent() of task types that there are not', () => {
  test('is told of in a warning at start, once for each method', async () => {
    const { logs } = await run(recorder('completed', { app: 'a', name: 'step' }));
    expect(logs.warnings).toEqual([
      expect.stringContaining('hears nothing so far: there is no task type with {"app":"a","name":"step"}'),
    ]);
    expect((await run(recorder('completed', { name: 'steps' }))).logs.warnings).toEqual([]);
    expect((await run(recorder())).logs.warnings).toEqual([]);
  });
});
