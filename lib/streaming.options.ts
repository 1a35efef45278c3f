import type { CanActivate, ModuleMetadata, NestInterceptor, Type } from '@nestjs/common';
import type { ResolvedFold } from './task/options/task-fold.js';
import type { EngineFactory } from './engine/engine-factory.js';
import type { TaskAuthorizer } from './http/access/task-authorizer.js';
import type { InputValidation, ModuleTaskOptions } from './task/options/module-task-options.js';
import type { Filled, ReplayLimits, TaskDefaults } from './task/options/task-options.js';

/**
 * How much is kept for watchers that come late or reconnect.
 *
 * @publicApi
 */
export interface ReplayOptions extends ReplayLimits {
  /** How long an ended task is kept, in milliseconds. @defaultValue 300 000 */
  retention?: number | undefined;
  /** How many ended tasks are kept; the oldest go first. @defaultValue 10 000 */
  tasks?: number | undefined;
  /** Encoded bytes of all logs; above that the oldest ended tasks go. Of logs in Redis: of what is kept here for those who watch. @defaultValue 268 435 456 */
  totalBytes?: number | undefined;
}

/**
 * Options of the routes. They must be known before the application's providers are created.
 *
 * @publicApi
 */
export interface HttpRouteOptions {
  /** Adds the module's controller; `false` if your own `StreamingController` has the routes. @defaultValue true */
  controller?: boolean | undefined;
  /** The path of the controller. @defaultValue 'stream' */
  path?: string | undefined;
  /** Adds the routes that start tasks. @defaultValue false */
  start?: boolean | undefined;
  /** Adds the route that lists tasks. @defaultValue false */
  list?: boolean | undefined;
  /** Adds the route that tells what the task types take, for clients in other repositories. @defaultValue false */
  types?: boolean | undefined;
  /** Guards of all routes. */
  guards?: (Type<CanActivate> | CanActivate)[] | undefined;
  /** Interceptors of all routes. */
  interceptors?: (Type<NestInterceptor> | NestInterceptor)[] | undefined;
  /** Class decorators put on the controller, `ApiTags('tasks')` for example. */
  decorators?: ClassDecorator[] | undefined;
}

/**
 * What `forRoot({ http })` takes: the routes, and the limits of streams.
 *
 * @publicApi
 */
export interface HttpOptions extends HttpRouteOptions {
  /** Time between two heartbeats on a stream, at least 1 ms. @defaultValue 15 000 */
  heartbeat?: number | undefined;
  /** How long a client waits before it reconnects, in milliseconds. @defaultValue 2 000 */
  retry?: number | undefined;
  /** Open streams in this process. @defaultValue 10 000 */
  maxStreams?: number | undefined;
  /** Open streams of one task. @defaultValue 5 000 */
  maxStreamsPerTask?: number | undefined;
  /** Open streams of one principal. Needs `principal`. @defaultValue Infinity */
  maxStreamsPerPrincipal?: number | undefined;
  /**
   * Whose stream this is: a user, a tenant, an address. `undefined` is not counted. Called after the guards, with the
   * request of your framework: give the parameter its type. Needs `maxStreamsPerPrincipal`. @defaultValue none
   */
  principal?: (request: never) => string | null | undefined;
  /**
   * Ends each stream after this time, in milliseconds, or up to a fifth sooner. Its client reconnects and goes on where
   * it was. For credentials that expire, and to balance load. @defaultValue null
   */
  maxAge?: number | null | undefined;
  /**
   * Whether events pass through interceptors, which may change them. This costs several times as much.
   * @defaultValue true if the routes have interceptors, else false: global ones do not see events
   */
  interceptEvents?: boolean | undefined;
  /** A client that reads nothing for this long, in milliseconds, is disconnected. @defaultValue 30 000 */
  stallTimeout?: number | undefined;
  /** The owner of the tasks that this request starts. The dashboard also shows it as the name of who watches. Called after the guards. @defaultValue none */
  owner?: (request: never) => string | null | undefined;
}

/**
 * How long tasks have when the application closes.
 *
 * @publicApi
 */
export interface ShutdownOptions {
  /** How long running tasks may go on before they are cancelled, in milliseconds. @defaultValue 0 */
  drain?: number | undefined;
  /** How long cancelled tasks may clean up before they are abandoned, in milliseconds. @defaultValue 10 000 */
  timeout?: number | undefined;
  /**
   * Whether the tasks that were started here and still wait are cancelled, where another instance could run them. Where tasks run
   * in this process, they always are. @defaultValue false
   */
  cancelPending?: boolean | undefined;
}

/**
 * What `StreamingModule.forRoot()` takes. All options have defaults.
 *
 * @publicApi
 */
export interface StreamingModuleOptions {
  /** Defaults for every `@StreamTask()`, and how their inputs are validated. */
  tasks?: ModuleTaskOptions | undefined;
  replay?: ReplayOptions | undefined;
  /** `false` adds no controller, as `{ controller: false }` does. */
  http?: false | HttpOptions | undefined;
  shutdown?: ShutdownOptions | undefined;
  /** What runs the tasks: what `bullmq()` returns. @defaultValue this process */
  engine?: EngineFactory | undefined;
  /** Decides who may do what over HTTP. Taken from the application's providers, or else created with them. */
  authorize?: Type<TaskAuthorizer> | undefined;
  /** Modules whose exports the guards, the interceptors and the authorizer inject. */
  imports?: ModuleMetadata['imports'] | undefined;
  /**
   * Recognises the abort errors of other libraries as the cancellation. Called only if the signal is aborted, with what was
   * thrown and that signal. `isCancellation()` lists the errors that are recognised without it.
   */
  isCancellation?: ((error: unknown, signal: AbortSignal) => boolean) | undefined;
}

/** Options with every default filled in: what the package itself works with. */
export interface ResolvedOptions {
  readonly tasks: Filled<TaskDefaults>;
  readonly replay: Filled<ReplayOptions>;
  readonly http: ResolvedHttpOptions;
  readonly shutdown: Filled<ShutdownOptions>;
  /** `undefined`: this process runs them. */
  readonly engine: EngineFactory | undefined;
  readonly authorize: Type<TaskAuthorizer> | undefined;
  /** `undefined`: as the application's global `ValidationPipe` does. */
  readonly validation: InputValidation | undefined;
  readonly isCancellation: StreamingModuleOptions['isCancellation'];
  /** How the user gave them, for messages: `StreamingModule.forRoot()`. */
  readonly where: string;
}

export type ResolvedHttpOptions = Filled<Omit<HttpOptions, keyof HttpRouteOptions | Undecided>> &
  HttpRouteOptions &
  Pick<HttpOptions, Undecided>;

/** Options without a default. */
type Undecided = 'owner' | 'principal' | 'interceptEvents';

/** What a task type is run with. */
export type ResolvedTaskOptions = Filled<TaskDefaults> & {
  readonly replay: Filled<ReplayLimits>;
  readonly state: ResolvedFold | undefined;
};

export const STREAMING_OPTIONS = Symbol.for('nestjs-streaming:options');
