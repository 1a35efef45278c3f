import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { LocalEngine } from './engine/local/local-engine.js';
import { TaskEngine } from './engine/task-engine.js';
import { CoordinatorShutdown } from './coordinator/coordinator-shutdown.js';
import { CoordinatorService } from './coordinator/coordinator.service.js';
import { ListenerDelivery } from './engine/listeners/listener-delivery.js';
import { EngineHooks } from './coordinator/engine.hooks.js';
import { ShutdownHooks } from './coordinator/shutdown.hooks.js';
import { TaskStore } from './engine/local/task-store.js';
import { TaskListenerRegistry } from './task-types/task-listener.registry.js';
import { TaskTypeExplorer } from './task-types/task-type.explorer.js';
import { TaskTypeRegistry } from './task-types/task-type.registry.js';
import { Http2Sessions } from './http/stream/output/http2-sessions.js';
import { StreamPaths } from './http/stream-paths.js';
import { StreamConnections } from './http/stream/stream-connections.js';
import { StreamingHttpService } from './http/streaming-http.service.js';
import { TaskAccess } from './http/access/task-access.js';
import { TaskStreams } from './http/task-streams.js';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
} from './streaming.module-definition.js';
import { checkAsyncOptions, forRootAsync, resolveOptions } from './resolve-options.js';
import { type ResolvedOptions, STREAMING_OPTIONS, type StreamingModuleOptions } from './streaming.options.js';
import { InvalidOptionsError } from './task/errors.js';

/**
 * What `forRootAsync` takes.
 *
 * @publicApi
 */
export type StreamingModuleAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/**
 * What a class given to `forRootAsync({ useClass })` or `useExisting` implements.
 *
 * @publicApi
 */
export interface StreamingOptionsFactory {
  createStreamingOptions(): StreamingModuleOptions | Promise<StreamingModuleOptions>;
}

/**
 * Adds the coordinator, for the whole application, and the HTTP routes.
 *
 * @example
 * @Module({ imports: [StreamingModule.forRoot({ http: { start: true } })], providers: [ReportTask] })
 * export class AppModule {}
 * @publicApi
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    // Both methods put their own in its place.
    { provide: STREAMING_OPTIONS, useFactory: missingOptions },
    TaskTypeRegistry,
    TaskTypeExplorer,
    ListenerDelivery,
    TaskListenerRegistry,
    TaskStore,
    {
      provide: TaskEngine,
      useFactory: createEngine,
      inject: [STREAMING_OPTIONS, TaskTypeRegistry, ListenerDelivery, TaskStore],
    },
    CoordinatorShutdown,
    CoordinatorService,
    ShutdownHooks,
    EngineHooks,
    TaskAccess,
    Http2Sessions,
    StreamConnections,
    StreamPaths,
    TaskStreams,
    StreamingHttpService,
  ],
  exports: [CoordinatorService, StreamingHttpService],
})
export class StreamingModule extends ConfigurableModuleClass {
  /**
   * @param options all have defaults
   * @throws InvalidOptionsError, when the application starts, for an option that is unknown or wrong
   */
  static override forRoot(options: StreamingModuleOptions = {}): DynamicModule {
    // Read before any provider is made, so checked here already as far as it must be read.
    if (typeof options !== 'object' || options === null) resolveOptions(options);
    const { http, ...others } = options;
    return withOptions(super.forRoot(options), { useFactory: () => resolveOptions(others, http) });
  }

  /**
   * As `forRoot`, with options that a factory makes. What shapes the routes (`http.path`, `start`, `list`, `guards`,
   * `interceptors`, `decorators`, or `http: false`) is given here, not by the factory: routes are made before it runs.
   *
   * @param options `useFactory` with `inject`, `useClass` or `useExisting` (with a method `createStreamingOptions`),
   *   `imports`, `extraProviders`, `http`
   * @throws InvalidOptionsError for one of these that is unknown or missing; for what the factory makes, and for `http`,
   *   when the application starts
   */
  static override forRootAsync(options: StreamingModuleAsyncOptions): DynamicModule {
    checkAsyncOptions(options);
    const { http } = options;
    return withOptions(super.forRootAsync(options), {
      useFactory: (given: StreamingModuleOptions) => resolveOptions(given, http, forRootAsync),
      inject: [MODULE_OPTIONS_TOKEN],
    });
  }
}

function withOptions(
  definition: DynamicModule,
  options: Pick<FactoryProvider<ResolvedOptions>, 'useFactory' | 'inject'>,
): DynamicModule {
  const resolved = { provide: STREAMING_OPTIONS, ...options };
  return { ...definition, providers: [...(definition.providers ?? []), resolved] };
}

function createEngine(
  options: ResolvedOptions,
  types: TaskTypeRegistry,
  listeners: ListenerDelivery,
  store: TaskStore,
): TaskEngine {
  return options.engine?.create({ options, types, listeners }) ?? new LocalEngine(store, listeners, options);
}

function missingOptions(): never {
  throw new InvalidOptionsError(
    'StreamingModule is imported without options; import StreamingModule.forRoot() or forRootAsync() in its place, once, in the root module: it is global',
  );
}
