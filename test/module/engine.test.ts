import { describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable, Module, type Type } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import {
  CoordinatorService,
  type EngineFactory,
  InvalidOptionsError,
  StreamingModule,
  type StreamingModuleOptions,
} from 'nestjs-streaming';
import type { EngineHost } from '../../lib/engine/engine-factory.js';
import type { TaskEngine } from '../../lib/engine/task-engine.js';
import { createTaskApp, handlerTask } from '../support/app.js';

/** Notes what the application asks of it, and runs nothing. */
class NotingEngine implements TaskEngine {
  readonly #calls: string[];
  readonly #host: EngineHost;

  readonly where = 'nowhere';

  constructor(host: EngineHost, calls: string[]) {
    this.#host = host;
    this.#calls = calls;
  }

  async open(): Promise<void> {
    await Promise.resolve();
    this.#host.types.forEach(({ name }) => this.#calls.push(`type ${name}`));
    this.#calls.push('open');
  }

  begin(): void {
    this.#calls.push('begin');
  }

  start(): never {
    throw new Error('It starts nothing');
  }

  find(): undefined {
    this.#calls.push('find');
  }

  list(): { views: []; cursorBehind(): string } {
    return { views: [], cursorBehind: () => '' };
  }

  async shutdown(): ReturnType<TaskEngine['shutdown']> {
    this.#calls.push('shutdown');
    return { completed: 0, cancelled: 0, failed: 0, timedOut: 0, abandoned: [], handedOver: [], left: 0 };
  }

  async close(): Promise<void> {
    this.#calls.push('close');
  }
}

function noting(calls: string[]): EngineFactory {
  return {
    create(host) {
      calls.push(`create ${host.options.shutdown.timeout}`);
      return new NotingEngine(host, calls);
    },
  };
}

const task = (name: string): Type => handlerTask(() => undefined, { name });

describe('an engine of another entry point', () => {
  /** A provider with all hooks, which asks for a task in each. */
  function hooked(calls: string[]): Type {
    @Injectable()
    class Hooked {
      constructor(private readonly coordinator: CoordinatorService) {}

      async #ask(hook: string): Promise<void> {
        calls.push(hook);
        await this.coordinator.get({ app: 'test', name: 'a', id: '1' });
      }

      onModuleInit = () => this.#ask('onModuleInit');
      onApplicationBootstrap = () => this.#ask('onApplicationBootstrap');
      onModuleDestroy = () => this.#ask('onModuleDestroy');
      onApplicationShutdown = () => this.#ask('onApplicationShutdown');
    }
    return Hooked;
  }

  it.each([
    ['forRoot', (engine: EngineFactory) => StreamingModule.forRoot({ engine, shutdown: { timeout: 5 } })],
    [
      'forRootAsync',
      (engine: EngineFactory) =>
        StreamingModule.forRootAsync({ useFactory: async () => ({ engine, shutdown: { timeout: 5 } }) }),
    ],
  ])(
    'of %s is open around all hooks of others, and begins behind the last of them',
    async (_how, streaming) => {
      const calls: string[] = [];
      @Module({ imports: [streaming(noting(calls))], providers: [task('a'), task('b'), hooked(calls)] })
      class AppModule {
        onApplicationBootstrap(): void {
          calls.push('the last hook');
        }
      }
      const app = await NestFactory.createApplicationContext(AppModule, {
        logger: false,
        abortOnError: false,
      });
      await app.close();
      expect(calls).toEqual([
        'create 5',
        'type a',
        'type b',
        'open',
        'onModuleInit',
        'find',
        'onApplicationBootstrap',
        'find',
        'the last hook',
        'begin',
        'onModuleDestroy',
        'find',
        'shutdown',
        'onApplicationShutdown',
        'find',
        'close',
      ]);
    },
  );

  it.each<[string, StreamingModuleOptions]>([
    ['in this process', {}],
    ['nowhere', { engine: noting([]) }],
  ])('is named in the log at the start: %s', async (where, options) => {
    const { logs } = await createTaskApp({ listen: false, options });
    expect(logs.lines).toContainEqual({ level: 'log', context: 'Streaming', text: `Tasks run ${where}` });
  });

  it('begins also where modules are loaded lazily before, and hears of their task types', async () => {
    const calls: string[] = [];
    @Module({ providers: [task('late')] })
    class LateModule {}
    @Injectable()
    class Loading {
      constructor(private readonly loader: LazyModuleLoader) {}

      async onModuleInit(): Promise<void> {
        await this.loader.load(() => LateModule);
      }
    }
    await createTaskApp({
      tasks: [task('a')],
      providers: [Loading],
      streaming: StreamingModule.forRoot({ engine: noting(calls) }),
      logs: 'here',
      listen: false,
    });
    expect(calls).toEqual(['create 10000', 'type a', 'open', 'type late', 'begin']);
  });

  it('never begins where a hook of the application fails, and is closed with it', async () => {
    const calls: string[] = [];
    @Module({ imports: [StreamingModule.forRoot({ engine: noting(calls) })] })
    class AppModule {
      onApplicationBootstrap(): void {
        throw new Error('No start');
      }
    }
    const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
    await expect(app.init()).rejects.toThrow('No start');
    expect(calls).toEqual(['create 10000', 'open']);
    await app.close();
    expect(calls).toEqual(['create 10000', 'open', 'shutdown', 'close']);
  });

  it('is not opened where a task type is wrong', async () => {
    const calls: string[] = [];
    const start = createTaskApp({
      tasks: [task('a'), task('a')],
      streaming: StreamingModule.forRoot({ engine: noting(calls) }),
      logs: 'here',
      listen: false,
    });
    await expect(start).rejects.toMatchObject({ code: 'TASK_TYPE_CONFLICT' });
    expect(calls).toEqual(['create 10000']);
  });

  it('is made anew for each application with the same module', async () => {
    const calls: string[] = [];
    const streaming: DynamicModule = StreamingModule.forRoot({ engine: noting(calls) });
    await createTaskApp({ streaming, logs: 'here', listen: false });
    await createTaskApp({ streaming, logs: 'here', listen: false });
    expect(calls.filter((call) => call.startsWith('create'))).toHaveLength(2);
  });

  it.each([['bullmq'], [{}], [null], [{ create: true }], [() => undefined]])(
    'is refused where it is %j',
    async (engine) => {
      const start = createTaskApp({ options: { engine: engine as unknown as EngineFactory }, listen: false });
      await expect(start).rejects.toThrow(InvalidOptionsError);
      await expect(start).rejects.toThrow(
        /^Wrong option "engine" in StreamingModule\.forRoot\(\): expected what bullmq\(\) of "nestjs-streaming\/bullmq" returns; leave it out to run tasks in this process, got /,
      );
    },
  );
});
