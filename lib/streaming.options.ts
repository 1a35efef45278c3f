import type { CanActivate, ModuleMetadata, NestInterceptor, Type } from '@nestjs/common';
import { readProperty } from './cancellation/read-error.js';
import type { EngineFactory } from './engine/engine-factory.js';
import type { TaskAuthorizer } from './http/access/task-authorizer.js';
import {
  anything,
  array,
  boolean,
  checkOptions,
  classesOrObjects,
  classRef,
  countOrInfinity,
  duration,
  func,
  functions,
  integer,
  mustBe,
} from './task/options/check-options.js';
import { InvalidOptionsError } from './task/errors.js';
import type {
  InputValidation,
  ModuleTaskOptions,
  ReplayLimits,
  StreamTaskOptions,
  TaskDefaults,
} from './task/options/task-options.js';
import {
  replayChecks,
  streamTaskChecks,
  taskChecks,
  validationChecks,
} from './task/options/task-option-checks.js';

/**
 * How much is kept for watchers that come late or reconnect.
 *
 * @publicApi
 */
export interface ReplayOptions extends ReplayLimits {
  /** How long an ended task is kept, in milliseconds. @defaultValue 300 000 */
  retention?: number;
  /** How many ended tasks are kept; the oldest go first. @defaultValue 10 000 */
  tasks?: number;
  /** Encoded bytes of all logs; above that the oldest ended tasks go. @defaultValue 268 435 456 */
  totalBytes?: number;
}

/**
 * Options of the routes. They must be known before the application's providers are created.
 *
 * @publicApi
 */
export interface HttpRouteOptions {
  /** Adds the module's controller; `false` if your own `StreamingController` has the routes. @defaultValue true */
  controller?: boolean;
  /** The path of the controller. @defaultValue 'stream' */
  path?: string;
  /** Adds the routes that start tasks. @defaultValue false */
  start?: boolean;
  /** Adds the route that lists tasks. @defaultValue false */
  list?: boolean;
  /** Guards of all routes. */
  guards?: (Type<CanActivate> | CanActivate)[];
  /** Interceptors of all routes. */
  interceptors?: (Type<NestInterceptor> | NestInterceptor)[];
  /** Class decorators put on the controller, `ApiTags('tasks')` for example. */
  decorators?: ClassDecorator[];
}

/**
 * What `forRoot({ http })` takes: the routes, and the limits of streams.
 *
 * @publicApi
 */
export interface HttpOptions extends HttpRouteOptions {
  /** Time between two heartbeats on a stream, at least 1 ms. @defaultValue 15 000 */
  heartbeat?: number;
  /** How long a client waits before it reconnects, in milliseconds. @defaultValue 2 000 */
  retry?: number;
  /** Open streams in this process. @defaultValue 10 000 */
  maxStreams?: number;
  /** Open streams of one task. @defaultValue 5 000 */
  maxStreamsPerTask?: number;
  /** Open streams of one principal. Needs `principal`. @defaultValue Infinity */
  maxStreamsPerPrincipal?: number;
  /**
   * Whose stream this is: a user, a tenant, an address. `undefined` is not counted. Called after the guards, with the
   * request of your framework: give the parameter its type. Needs `maxStreamsPerPrincipal`. @defaultValue none
   */
  principal?: (request: never) => string | null | undefined;
  /**
   * Ends each stream after this time, in milliseconds, or up to a fifth sooner. Its client reconnects and goes on where
   * it was. For credentials that expire, and to balance load. @defaultValue null
   */
  maxAge?: number | null;
  /**
   * Whether events pass through interceptors, which may change them. This costs several times as much.
   * @defaultValue true if the routes have interceptors, else false: global ones do not see events
   */
  interceptEvents?: boolean;
  /** A client that reads nothing for this long, in milliseconds, is disconnected. @defaultValue 30 000 */
  stallTimeout?: number;
  /** The owner of the tasks that this request starts. Called after the guards. @defaultValue none */
  owner?: (request: never) => string | null | undefined;
}

/**
 * How long tasks have when the application closes.
 *
 * @publicApi
 */
export interface ShutdownOptions {
  /** How long running tasks may go on before they are cancelled, in milliseconds. @defaultValue 0 */
  drain?: number;
  /** How long cancelled tasks may clean up before they are abandoned, in milliseconds. @defaultValue 10 000 */
  timeout?: number;
  /**
   * Whether the tasks that were started here and still wait are cancelled, where another instance could run them. Where tasks run
   * in this process, they always are. @defaultValue false
   */
  cancelPending?: boolean;
}

/**
 * What `StreamingModule.forRoot()` takes. All options have defaults.
 *
 * @publicApi
 */
export interface StreamingModuleOptions {
  /** Defaults for every `@StreamTask()`, and how their inputs are validated. */
  tasks?: ModuleTaskOptions;
  replay?: ReplayOptions;
  /** `false` adds no controller, as `{ controller: false }` does. */
  http?: false | HttpOptions;
  shutdown?: ShutdownOptions;
  /** What runs the tasks: what `bullmq()` returns. @defaultValue this process */
  engine?: EngineFactory;
  /** Decides who may do what over HTTP. Taken from the application's providers, or else created with them. */
  authorize?: Type<TaskAuthorizer>;
  /** Modules whose exports the guards, the interceptors and the authorizer inject. */
  imports?: ModuleMetadata['imports'];
  /**
   * Recognises the abort errors of other libraries as the cancellation. Called only if the signal is aborted, with what was
   * thrown and that signal. `isCancellation()` lists the errors that are recognised without it.
   */
  isCancellation?: (error: unknown, signal: AbortSignal) => boolean;
}

/** Options with every default filled in: what the package itself works with. */
export interface ResolvedOptions {
  readonly tasks: Required<TaskDefaults>;
  readonly replay: Required<ReplayOptions>;
  readonly http: ResolvedHttpOptions;
  readonly shutdown: Required<ShutdownOptions>;
  /** `undefined`: this process runs them. */
  readonly engine: EngineFactory | undefined;
  readonly authorize: Type<TaskAuthorizer> | undefined;
  /** `undefined`: as the application's global `ValidationPipe` does. */
  readonly validation: InputValidation | undefined;
  readonly isCancellation: StreamingModuleOptions['isCancellation'];
  /** How the user gave them, for messages: `StreamingModule.forRoot()`. */
  readonly where: string;
}

export type ResolvedHttpOptions = Required<Omit<HttpOptions, keyof HttpRouteOptions | Undecided>> &
  HttpRouteOptions &
  Pick<HttpOptions, Undecided>;

/** Options without a default. */
type Undecided = 'owner' | 'principal' | 'interceptEvents';

/** What a task type is run with. */
export type ResolvedTaskOptions = Required<TaskDefaults> & { readonly replay: Required<ReplayLimits> };

export const STREAMING_OPTIONS = Symbol.for('nestjs-streaming:options');

const taskDefaults: Required<TaskDefaults> = {
  timeout: null,
  idleTimeout: null,
  pendingTimeout: null,
  grace: 10_000,
  concurrency: Infinity,
  globalConcurrency: Infinity,
  maxPending: 10_000,
  attempts: 1,
  backoff: 1_000,
  resumable: false,
  swallowedCancel: 'cancelled',
  cancelWhenUnwatched: null,
  announceCancelling: false,
  maxEventBytes: 262_144,
};

const replayDefaults: Required<ReplayOptions> = {
  events: 1_000,
  bytes: 1_048_576,
  retention: 300_000,
  tasks: 10_000,
  totalBytes: 268_435_456,
};

const httpDefaults = {
  controller: true,
  path: 'stream',
  start: false,
  list: false,
  heartbeat: 15_000,
  retry: 2_000,
  maxStreams: 10_000,
  maxStreamsPerTask: 5_000,
  maxStreamsPerPrincipal: Infinity,
  maxAge: null,
  stallTimeout: 30_000,
} satisfies HttpOptions;

const shutdownDefaults: Required<ShutdownOptions> = { drain: 0, timeout: 10_000, cancelPending: false };

/** The longest `retry` clients take: they keep it in 32 bits. */
const longestRetry = 2 ** 31 - 1;

export const routeChecks = {
  controller: boolean,
  path: mustBe('a path', (value) => typeof value === 'string' && value !== ''),
  start: boolean,
  list: boolean,
  guards: classesOrObjects,
  interceptors: classesOrObjects,
  decorators: functions,
};

const httpChecks = {
  ...routeChecks,
  heartbeat: integer(1),
  retry: integer(0, longestRetry),
  maxStreams: countOrInfinity(0),
  maxStreamsPerTask: countOrInfinity(0),
  maxStreamsPerPrincipal: countOrInfinity(0),
  principal: func,
  maxAge: mustBe(
    'a number of milliseconds, 1 or more, or null for no limit',
    (value) => value === null || (typeof value === 'number' && value >= 1),
  ),
  interceptEvents: boolean,
  stallTimeout: integer(1),
  owner: func,
};

const shutdownChecks = { drain: duration, timeout: duration, cancelPending: boolean };

const moduleChecks = (where: string) => ({
  tasks: { ...taskChecks, validation: validationChecks },
  replay: { ...replayChecks, retention: duration, tasks: integer(0), totalBytes: integer(0) },
  http: (value: unknown) => {
    if (value !== false) checkOptions(where, value, httpChecks, 'http');
    return undefined;
  },
  shutdown: shutdownChecks,
  engine: mustBe(
    'what bullmq() of "nestjs-streaming/bullmq" returns; leave it out to run tasks in this process',
    (value) => typeof readProperty(value, 'create') === 'function',
  ),
  authorize: classRef,
  imports: array,
  isCancellation: func,
});

const asyncChecks = {
  useFactory: func,
  useClass: classRef,
  useExisting: anything,
  inject: array,
  imports: array,
  provideInjectionTokensFrom: array,
  extraProviders: array,
  http: anything,
};

const forRoot = 'StreamingModule.forRoot()';
export const forRootAsync = 'StreamingModule.forRootAsync()';

/**
 * Merges the module's options with their defaults: the one place where that happens.
 *
 * @param given what `forRoot` got but for `http`, or what the factory of `forRootAsync` made
 * @param routes the `http` that `forRoot` or `forRootAsync` got: routes were made of it before any provider was
 * @param where which of the two it was
 * @throws InvalidOptionsError naming the first option that is unknown or wrong
 */
export function resolveOptions(
  given: StreamingModuleOptions = {},
  routes?: false | HttpOptions,
  where: string = forRoot,
): ResolvedOptions {
  checkOptions(where, given, moduleChecks(where));
  if (where === forRootAsync && given.imports !== undefined) {
    throw new InvalidOptionsError(
      `Wrong option "imports" in ${where}: modules are imported before a factory runs; give it to forRootAsync({ imports })`,
    );
  }
  if (routes !== undefined && routes !== false) checkOptions(where, routes, httpChecks, 'http');
  const { validation, ...givenTasks } = given.tasks ?? {};
  const tasks = merge(taskDefaults, givenTasks);
  const replay = merge(replayDefaults, given.replay);
  if (given.tasks?.maxEventBytes !== undefined) checkEventFits(where, tasks, replay);
  return {
    tasks,
    replay,
    http: resolveHttp(where, given.http, routes),
    shutdown: merge(shutdownDefaults, given.shutdown),
    engine: given.engine,
    authorize: given.authorize,
    validation,
    isCancellation: given.isCancellation,
    where,
  };
}

/** Checks what `forRootAsync` got: that every option is right, and that something makes the options. */
export function checkAsyncOptions(given: object): void {
  checkOptions(forRootAsync, given, asyncChecks);
  const { useFactory, useClass, useExisting }: { [name in keyof typeof asyncChecks]?: unknown } = given;
  if ([useFactory, useClass, useExisting].every((maker) => maker === undefined)) {
    throw new InvalidOptionsError(
      `Wrong options in ${forRootAsync}: nothing makes them; give it "useFactory", "useClass" or "useExisting"`,
    );
  }
}

/** Merges what one `@StreamTask()` says with the module's options. */
export function resolveTaskOptions(
  where: string,
  given: StreamTaskOptions,
  module: Pick<ResolvedOptions, 'tasks' | 'replay'>,
): ResolvedTaskOptions {
  checkOptions(where, given, streamTaskChecks);
  const { app: _app, name: _name, input: _input, replay: givenReplay, ...givenTask } = given;
  const { events, bytes } = module.replay;
  const replay = merge({ events, bytes }, givenReplay);
  // What this type says itself has to fit; what it takes over is made to.
  const maxEventBytes = Math.min(module.tasks.maxEventBytes, replay.bytes);
  const task = merge({ ...module.tasks, maxEventBytes }, givenTask);
  checkEventFits(where, task, replay);
  return { ...task, replay };
}

/** @throws InvalidOptionsError for wrong options of `coordinator.shutdown()` */
export function resolveShutdownOptions(
  given: ShutdownOptions,
  module: Required<ShutdownOptions>,
): Required<ShutdownOptions> {
  checkOptions('shutdown()', given, shutdownChecks);
  return merge(module, given);
}

function resolveHttp(
  where: string,
  given: false | HttpOptions | undefined,
  givenRoutes: false | HttpOptions | undefined,
): ResolvedHttpOptions {
  if (givenRoutes === false) return { ...httpDefaults, controller: false };
  const routes = withoutUndefined(givenRoutes);
  if (given === false) {
    throw new InvalidOptionsError(
      `Wrong option "http" in ${where}: the routes exist already; give "http: false" to forRootAsync() itself`,
    );
  }
  const settings = withoutUndefined(given);
  const late = Object.keys(settings).find((name) => Object.hasOwn(routeChecks, name));
  if (late !== undefined) {
    throw new InvalidOptionsError(
      `Wrong option "http.${late}" in ${where}: routes are made before a factory runs; give it to forRootAsync({ http })`,
    );
  }
  const both = { ...settings, ...routes };
  const http = merge(httpDefaults, both);
  const dropped = http.controller
    ? undefined
    : Object.keys(routes).find((name) => name !== 'controller' && Object.hasOwn(routeChecks, name));
  if (dropped !== undefined) {
    throw new InvalidOptionsError(
      `Wrong option "http.${dropped}" in ${where}: with "controller: false" there is no controller it could be for; put it on yours`,
    );
  }
  if (http.maxStreamsPerPrincipal !== Infinity && !http.principal) {
    throw new InvalidOptionsError(
      `Wrong option "http.maxStreamsPerPrincipal" in ${where}: without "http.principal" no streams are counted`,
    );
  }
  if (http.principal && both.maxStreamsPerPrincipal === undefined) {
    throw new InvalidOptionsError(
      `Wrong option "http.principal" in ${where}: without "http.maxStreamsPerPrincipal" the streams that it counts have no limit; give one`,
    );
  }
  return http;
}

function checkEventFits(where: string, task: { maxEventBytes: number }, replay: { bytes: number }): void {
  if (task.maxEventBytes > replay.bytes) {
    throw new InvalidOptionsError(
      `Wrong option "maxEventBytes" in ${where}: ${task.maxEventBytes} is more than the ${replay.bytes} of "replay.bytes"`,
    );
  }
}

/** Like a spread, but a key that is there with `undefined` does not hide the default. */
function merge<T extends object, U extends object>(defaults: T, given: U | undefined): T & Omit<U, keyof T> {
  return { ...defaults, ...withoutUndefined(given) } as T & Omit<U, keyof T>;
}

function withoutUndefined<T extends object>(given: T | undefined): Partial<T> {
  const entries = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}
