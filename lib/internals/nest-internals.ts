import { type MessageEvent, RequestMethod, SSE_ABORT_CONTROLLER, type ValidationPipe } from '@nestjs/common';
import {
  type ApplicationConfig,
  type DiscoveryService,
  type LazyModuleLoader,
  ModuleRef,
} from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import { RouterResponseController } from '@nestjs/core/router/router-response-controller.js';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/**
 * What this package uses of Nest that Nest does not document: nothing else in `lib/` may, but for what is read of `@nestjs/swagger`
 * (`http/openapi/openapi-metadata.ts`). Checked with Nest 11.2 and 12, by the tests in `test/internals/`, which
 * `npm run check:matrix` runs on each of them. The two files of Nest's router that are imported must be there: without them this package does
 * not load.
 */

/** A provider or a controller as Nest's container has it. `DiscoveryService` gives them, and Nest does not export the class. */
export type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A module as Nest's container has it. Nest does not export the class. */
export type Module = NonNullable<InstanceWrapper['host']>;

/**
 * The `ModuleRef` of a module: what is made or found by it is made or found there. If `getProviderByKey` is gone, the application does not
 * start.
 */
export function moduleRefOf(module: Module): ModuleRef {
  return module.getProviderByKey<ModuleRef>(ModuleRef).instance;
}

/**
 * The instance of the module whose hooks Nest runs last at the start, or `undefined` where Nest runs none on it. Its own hook is the last
 * of all.
 *
 * `distance` of a module is that from the root module, and hooks run from the farthest. Modules that are loaded lazily have 0, and no hooks.
 * If it is gone or means something else, tasks of other instances may run before all hooks of the application are done.
 */
export function lastToStart(modules: Iterable<Module>): object | undefined {
  const last = [...modules]
    .filter(({ distance }) => distance > 0)
    .toSorted((a, b) => b.distance - a.distance)
    .at(-1);
  const wrapper = last?.providers.get(last.metatype);
  return wrapper && isSingle(wrapper) ? (wrapper.instance as object) : undefined;
}

/**
 * Whether there is one instance of a provider, made at start. If one of these is gone, the application does not start.
 */
export function isSingle(wrapper: InstanceWrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}

/** The instances of a provider that were made at start: a transient one has one for each that injects it. */
export function instancesOf(wrapper: InstanceWrapper): readonly unknown[] {
  if (isSingle(wrapper)) return [wrapper.instance];
  return wrapper.getStaticTransientInstances().map((made) => made?.instance as unknown);
}

/**
 * The tokens that a provider injects: those of its constructor and its properties, or the list of a factory or an alias. Nest 11 keeps
 * no list of what a provider injects that is made for each request, so this reads what the decorators left.
 *
 * `@Inject()` leaves `self:paramtypes` and `self:properties_metadata`. If they are called otherwise, a provider that is injected
 * by `@Inject()` alone may be destroyed before the tasks that use it are over.
 */
export function injectedTokensOf({ inject, metatype }: InstanceWrapper): unknown[] {
  if (inject) return inject.map(readToken);
  if (typeof metatype !== 'function') return [];
  const types = readList<unknown>('design:paramtypes', metatype);
  const named = readList<{ param: unknown }>('self:paramtypes', metatype);
  const properties = readList<{ type: unknown }>('self:properties_metadata', metatype);
  return [...types, ...named.map(({ param }) => param), ...properties.map(({ type }) => type)].map(readToken);
}

function readList<T>(key: string, type: object): readonly T[] {
  return (Reflect.getMetadata(key, type) ?? []) as readonly T[];
}

/** `forwardRef(() => token)`, and `{ token, optional }` of a factory. */
function readToken(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  const { forwardRef, token } = given as { forwardRef?: () => unknown; token?: unknown };
  return typeof forwardRef === 'function' ? forwardRef() : (token ?? given);
}

/**
 * Lets go of what Nest keeps of the newest resolution of a provider, when that is done. It holds a promise, and with it, before
 * Node 24, the async context of a task that has ended.
 *
 * `settlementSignal` of the wrapper. If it is called otherwise, that context lives until the provider is resolved again.
 */
export function releaseSettlement(wrapper: InstanceWrapper): void {
  const host = wrapper as unknown as { settlementSignal?: { readonly completed?: boolean } | undefined };
  if (host.settlementSignal?.completed) host.settlementSignal = undefined;
}

/**
 * Calls back when a module was loaded lazily, before `load()` gives it to its caller. Nest gives no notice of it.
 *
 * `load` of the application's one loader is replaced. If Nest loads modules in another way, or has a loader for each that injects it, the
 * task types of such modules are not found.
 */
export function onLazyLoad(loader: LazyModuleLoader, callback: (loaded: ModuleRef) => Promise<void>): void {
  const load = loader.load.bind(loader);
  loader.load = async (...given) => {
    const moduleRef = await load(...given);
    await callback(moduleRef);
    return moduleRef;
  };
}

/**
 * The options that a `ValidationPipe` was given, for class-validator and for class-transformer.
 *
 * Both are protected. If they are called otherwise, inputs are validated without the options of the global pipes.
 */
export function validationOptionsOf(pipe: ValidationPipe): {
  readonly validatorOptions?: object | undefined;
  readonly transformOptions?: object | undefined;
} {
  return pipe as unknown as ReturnType<typeof validationOptionsOf>;
}

/**
 * Whether Nest could not make a provider because something that it injects is not there.
 *
 * Nest does not export `UnknownDependenciesException`. If it is called otherwise, an authorizer that only one of the application's modules
 * can make fails the start.
 */
export function isUnknownDependency(error: unknown): boolean {
  return error instanceof Error && error.constructor.name === 'UnknownDependenciesException';
}

/**
 * Whether a controller, or this method of it, has interceptors of its own.
 *
 * `@UseInterceptors()` leaves `__interceptors__`. If it is called otherwise, interceptors do not see the events, unless
 * `http.interceptEvents` says so.
 */
export function hasInterceptors(controller: object, method: string): boolean {
  return [controller.constructor, Reflect.get(controller, method) as object].some((target) => {
    const interceptors = Reflect.getMetadata('__interceptors__', target) as readonly unknown[] | undefined;
    return interceptors !== undefined && interceptors.length > 0;
  });
}

/** A route of the application. */
export interface Route {
  readonly controller: object;
  readonly handler: object;
  /** The module that declares the controller. */
  readonly module: object;
  /** That of the `ModulesContainer`: a module may have a path for each application. */
  readonly applicationId: string;
}

/**
 * The path of a `GET` route, with its parameters, as Nest registers it: `RoutePathFactory` puts prefixes and versions together.
 *
 * `path`, `__version__` and `__module_path__` are where decorators and `RouterModule` leave theirs. If they are called otherwise,
 * `streamPath()` gives a path without them.
 */
export function routePathOf(config: ApplicationConfig, route: Route): string {
  const { controller, handler, module, applicationId } = route;
  const versioningOptions = config.getVersioning();
  const controllerVersion =
    versioningOptions && (read('__version__', controller) ?? versioningOptions.defaultVersion);
  const methodVersion = read('__version__', handler);
  const modulePath = read(`__module_path__${applicationId}`, module) ?? read('__module_path__', module);
  const [path] = new RoutePathFactory(config).create(
    {
      globalPrefix: withSlash(config.getGlobalPrefix()),
      ctrlPath: withSlash(first(read('path', controller))),
      methodPath: withSlash(first(read('path', handler))),
      ...(modulePath !== undefined && { modulePath: modulePath as string }),
      ...(controllerVersion !== undefined && { controllerVersion: controllerVersion as string }),
      ...(methodVersion !== undefined && { methodVersion: methodVersion as string }),
      ...(versioningOptions && { versioningOptions }),
    },
    RequestMethod.GET,
  );
  return path as string;
}

function read(key: string, target: object): unknown {
  return Reflect.getMetadata(key, target);
}

/** Of several paths any is right. */
function first(path: unknown): string {
  const [one = ''] = [path].flat() as string[];
  return one;
}

function withSlash(path: string): string {
  return path === '' || path.startsWith('/') ? path : `/${path}`;
}

/** What the application has set for the answer. In Nest 12 it is read when the headers are sent. */
export interface SseOptions {
  readonly statusCode?: number | (() => number);
  readonly additionalHeaders?: OutgoingHttpHeaders | (() => OutgoingHttpHeaders | undefined);
}

/** What Nest's router does with the stream that a handler of an `@Sse()` route returns. */
export type Sse = (
  this: unknown,
  result: Promise<unknown>,
  response: ServerResponse,
  request: IncomingMessage,
  options?: SseOptions,
) => Promise<void>;

/**
 * Puts a method in the place of `sse` of Nest's `RouterResponseController`.
 *
 * @param make is given Nest's own
 * @returns whether it did: if Nest has no such method, Nest serves all streams, which costs twice as much to open one
 */
export function replaceSse(make: (nestSse: Sse) => Sse): boolean {
  const { prototype } = RouterResponseController;
  const nestSse = Reflect.get(prototype, 'sse') as Sse | undefined;
  return typeof nestSse === 'function' && Reflect.set(prototype, 'sse', make(nestSse));
}

/** Where Nest keeps the controller of a request to an `@Sse()` route. */
type SseRequest = Record<typeof SSE_ABORT_CONTROLLER, unknown>;

/** The `AbortController` of a request to an `@Sse()` route, once there is one. */
export function sseControllerOf(request: IncomingMessage): unknown {
  return (request as unknown as SseRequest)[SSE_ABORT_CONTROLLER];
}

/**
 * Gives a request the controller that Nest would otherwise make.
 *
 * The key is exported, and Nest makes a controller only where it finds none. If it makes one in any case, Nest serves all streams.
 *
 * @param raw that of Node: Fastify has one beside it
 */
export function setSseController(request: object, raw: object, controller: AbortController): void {
  (raw as SseRequest)[SSE_ABORT_CONTROLLER] = controller;
  if (request !== raw) (request as SseRequest)[SSE_ABORT_CONTROLLER] = controller;
}

/** What Nest's router writes an `@Sse()` stream with: its `SseStream`, as far as Nest 11.2 and 12 agree on it. */
export interface NestSseStream {
  readonly headersCommitted: boolean;
  readonly writableEnded: boolean;
  commitHeaders(): void;
  writeMessage(message: MessageEvent, written: (error?: Error) => void): void;
  end(): void;
}

/**
 * Whether what is piped into a response is Nest's stream. If its methods are called otherwise, events that interceptors emit have
 * numbers of Nest's, and a stream that interceptors see does not end.
 */
export function isNestSseStream(source: unknown): source is NestSseStream {
  const { commitHeaders, writeMessage, end } = source as Partial<NestSseStream>;
  return [commitHeaders, writeMessage, end].every((method) => typeof method === 'function');
}
