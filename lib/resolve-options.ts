import { readProperty } from './cancellation/read-error.js';
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
import { resolveFold } from './task/options/task-fold.js';
import type { Filled, StreamTaskOptions, TaskDefaults } from './task/options/task-options.js';
import {
  replayChecks,
  streamTaskChecks,
  taskChecks,
  validationChecks,
} from './task/options/task-option-checks.js';
import type {
  HttpOptions,
  ReplayOptions,
  ResolvedHttpOptions,
  ResolvedOptions,
  ResolvedTaskOptions,
  ShutdownOptions,
  StreamingModuleOptions,
} from './streaming.options.js';

const taskDefaults: Filled<TaskDefaults> = {
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

const replayDefaults: Filled<ReplayOptions> = {
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
  types: false,
  heartbeat: 15_000,
  retry: 2_000,
  maxStreams: 10_000,
  maxStreamsPerTask: 5_000,
  maxStreamsPerPrincipal: Infinity,
  maxAge: null,
  stallTimeout: 30_000,
} satisfies HttpOptions;

const shutdownDefaults: Filled<ShutdownOptions> = { drain: 0, timeout: 10_000, cancelPending: false };

/** The longest `retry` clients take: they keep it in 32 bits. */
const longestRetry = 2 ** 31 - 1;

export const routeChecks = {
  controller: boolean,
  path: mustBe('a path', (value) => typeof value === 'string' && value !== ''),
  start: boolean,
  list: boolean,
  types: boolean,
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
  const { app: _app, name: _name, input: _input, replay: givenReplay, state, ...givenTask } = given;
  const { events, bytes } = module.replay;
  const replay = merge({ events, bytes }, givenReplay);
  // What this type says itself has to fit; what it takes over is made to.
  const maxEventBytes = Math.min(module.tasks.maxEventBytes, replay.bytes);
  const task = merge({ ...module.tasks, maxEventBytes }, givenTask);
  checkEventFits(where, task, replay);
  return { ...task, replay, state: resolveFold(where, state, task.maxEventBytes) };
}

/** @throws InvalidOptionsError for wrong options of `coordinator.shutdown()` */
export function resolveShutdownOptions(
  given: ShutdownOptions,
  module: Filled<ShutdownOptions>,
): Filled<ShutdownOptions> {
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
