import 'reflect-metadata';
import { afterAll, afterEach } from '@jest/globals';
import {
  type DynamicModule,
  type INestApplication,
  Module,
  type ModuleMetadata,
  type NestApplicationOptions,
  type Provider,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo, Server } from 'node:net';
import {
  CoordinatorService,
  type StartOptions,
  StreamingModule,
  type StreamingModuleOptions,
  StreamTask,
  type StreamTaskOptions,
  type TaskContext,
  type TaskHandle,
} from 'nestjs-streaming';
import { LocalEngine } from '../../lib/engine/local/local-engine.js';
import { TaskEngine } from '../../lib/engine/task-engine.js';
import { type Collected, collect } from './app/collect.js';
import { RecordingLogger } from './app/logs.js';
import { isOnRedis, stopStore } from './app/store.js';
import { RemoteEngine } from './app/remote-engine.js';
import { deferred } from './wait.js';

export { collect, type Collected } from './app/collect.js';
export type { LogLine, RecordingLogger } from './app/logs.js';

export interface TaskAppOptions {
  /** Task types, provided by the application's only module: their `app` is `test`. */
  readonly tasks?: readonly Type[];
  /** What the task types inject, or task types provided in another way. */
  readonly providers?: readonly Provider[];
  readonly imports?: ModuleMetadata['imports'];
  readonly controllers?: readonly Type[];
  /** For `StreamingModule.forRoot()`. Tasks have a `grace` of 1 000 where it says nothing else. */
  readonly options?: StreamingModuleOptions;
  /** Instead of `options`: a `StreamingModule.forRootAsync(…)`, say. */
  readonly streaming?: DynamicModule;
  /** Where watchers find the logs of tasks. Default `here`: in this process. */
  readonly logs?: 'here' | 'elsewhere';
  /** Default `express`. */
  readonly adapter?: 'express' | 'fastify' | 'fastify-http2';
  /** What Fastify is made with. */
  readonly fastify?: { routerOptions: { querystringParser(text: string): Record<string, unknown> } };
  /** What Nest is told beside. */
  readonly nest?: NestApplicationOptions;
  /** As a browser's applications need it: it may hold a connection that it has not used yet, for which Node waits. */
  readonly forceCloseConnections?: boolean;
  /** `false` only initialises the application, for tests without HTTP. Default `true`. */
  readonly listen?: boolean;
  /** Made once for many tests, in `beforeAll`: closed after the last one. Otherwise it is closed after its test. */
  readonly shared?: boolean;
  /** Called before the application starts: for global pipes, a prefix, shutdown hooks. */
  configure?(app: INestApplication): unknown;
}

export interface TaskApp {
  readonly app: INestApplication;
  readonly coordinator: CoordinatorService;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** `http://127.0.0.1:<port>/stream` */
  readonly url: string;
  readonly port: number;
  /** What Nest's logger was told. The newest application gets the lines of all: it is Nest's logger that is global. */
  readonly logs: RecordingLogger;
  /** Ends the tasks, those that ignore their signal too, and closes the application. Called for you. */
  close(): Promise<void>;
}

const perTest = new Set<TaskApp>();
const perFile = new Set<TaskApp>();

async function closeAll(apps: Set<TaskApp>): Promise<void> {
  await Promise.all([...apps].map((app) => app.close()));
  apps.clear();
}

afterEach(() => closeAll(perTest));
afterAll(async () => {
  await closeAll(perFile);
  await stopStore();
});

/** A real application with the module in it, on a free port of 127.0.0.1. Rejects when it does not start. */
export async function createTaskApp(given: TaskAppOptions = {}): Promise<TaskApp> {
  const { listen = true, forceCloseConnections = false } = given;
  const options = await withStore(given.options);
  const logs = new RecordingLogger();
  const module = createModule(
    given,
    given.streaming ?? StreamingModule.forRoot({ ...options, tasks: { grace: 1_000, ...options.tasks } }),
  );
  const settings = { logger: logs, abortOnError: false, forceCloseConnections, ...given.nest };
  const fastify = await fastifyAdapter(given);
  const app = fastify
    ? await NestFactory.create<INestApplication>(module, fastify, settings)
    : await NestFactory.create<INestApplication>(module, settings);
  await given.configure?.(app);
  await (listen ? app.listen(0, '127.0.0.1') : app.init());
  const coordinator = app.get(CoordinatorService);
  const taskApp: TaskApp = {
    app,
    coordinator,
    logs,
    get port() {
      if (!listen) throw new Error('This application does not listen: create it with "listen: true"');
      return ((app.getHttpServer() as Server).address() as AddressInfo).port;
    },
    get origin() {
      return `http://127.0.0.1:${taskApp.port}`;
    },
    get url() {
      return `${taskApp.origin}/stream`;
    },
    async close() {
      perTest.delete(taskApp);
      perFile.delete(taskApp);
      // Does nothing where the test has shut down already; otherwise a test's stubborn handler holds up nobody.
      await coordinator.shutdown({ drain: 0, timeout: 100 });
      await app.close();
    },
  };
  (given.shared ? perFile : perTest).add(taskApp);
  return taskApp;
}

/** `STORE=redis` has the tests of one process run on BullMQ: each application with tasks of its own. */
async function withStore(options: StreamingModuleOptions = {}): Promise<StreamingModuleOptions> {
  if (!isOnRedis || options.engine) return options;
  // Jest loads all modules anew for each file: what few need is loaded where it is needed.
  const { engineOnRedis } = await import('./app/redis-engine.js');
  return { ...options, engine: await engineOnRedis() };
}

async function fastifyAdapter(given: TaskAppOptions): Promise<FastifyAdapter | undefined> {
  const { adapter = 'express', fastify, forceCloseConnections = false } = given;
  if (adapter === 'express') return undefined;
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  // Nest 11 heeds the application's option on Express alone.
  const closing = forceCloseConnections ? { forceCloseConnections } : {};
  if (adapter === 'fastify') return new FastifyAdapter({ ...closing, ...fastify });
  // Without TLS: a client has to know that it is HTTP/2.
  return new FastifyAdapter({ http2: true });
}

function createModule(given: TaskAppOptions, streaming: DynamicModule): Type {
  @Module({
    imports: [
      (given.logs ?? process.env['LOGS']) === 'elsewhere' ? withRemoteLogs(streaming) : streaming,
      ...(given.imports ?? []),
    ],
    controllers: [...(given.controllers ?? [])],
    providers: [...(given.tasks ?? []), ...(given.providers ?? [])],
  })
  class TestModule {}
  return TestModule;
}

function withRemoteLogs(streaming: DynamicModule): DynamicModule {
  const engine: Provider[] = [LocalEngine, { provide: TaskEngine, useClass: RemoteEngine }];
  return { ...streaming, providers: [...(streaming.providers ?? []), ...engine] };
}

let handlers = 0;

/** What a class made of a function is to `start()`: its input and result are those of the function. */
export interface FunctionTask<Input, Returned> {
  process(task: TaskContext<Input>): Returned;
}

/**
 * A fresh task type around a function, for one test.
 *
 * @param options a `name` of its own unless they give one
 */
export function handlerTask<Returned, Input = unknown>(
  process: (task: TaskContext<Input>) => Returned,
  options: StreamTaskOptions = {},
): Type<FunctionTask<Input, Returned>> {
  class FunctionHandler implements FunctionTask<Input, Returned> {
    process(task: TaskContext<Input>): Returned {
      return process(task);
    }
  }
  StreamTask({ name: `handler-${++handlers}`, ...options })(FunctionHandler);
  return FunctionHandler;
}

export interface StartTaskOptions extends Omit<TaskAppOptions, 'tasks'> {
  /** For `@StreamTask()`. */
  readonly task?: StreamTaskOptions;
  /** For `coordinator.start()`. */
  readonly start?: StartOptions;
  readonly input?: unknown;
}

export interface StartedTask<Returned> {
  readonly taskApp: TaskApp;
  readonly coordinator: CoordinatorService;
  readonly logs: RecordingLogger;
  readonly type: Type<FunctionTask<unknown, Returned>>;
  readonly handle: TaskHandle;
  /** Its events, watched from the start. */
  readonly events: Collected;
  /** Settles when the handler was called and has come to its first `await`. */
  readonly running: Promise<void>;
}

/** An application with one task type, and one task of it that was just started. Without HTTP unless `listen` says so. */
export async function startTask<Returned>(
  process: (task: TaskContext) => Returned,
  { task, start, input = {}, ...appOptions }: StartTaskOptions = {},
): Promise<StartedTask<Returned>> {
  const entered = deferred();
  const type = handlerTask((context: TaskContext) => {
    try {
      return process(context);
    } finally {
      entered.resolve();
    }
  }, task);
  const taskApp = await createTaskApp({ listen: false, ...appOptions, tasks: [type] });
  const { coordinator, logs } = taskApp;
  const handle = await coordinator.start<FunctionTask<unknown, unknown>>(type, input, start);
  const events = collect(handle.events());
  return { taskApp, coordinator, logs, type, handle, events, running: entered.promise };
}
