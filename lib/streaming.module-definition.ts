import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common';
import { createStreamingController } from './http/streaming-controller.factory.js';
import { routeChecks } from './resolve-options.js';
import type { HttpOptions, HttpRouteOptions, StreamingModuleOptions } from './streaming.options.js';

/** What must be known before a provider is made: the routes, and providers that the options are made with. */
export interface StreamingModuleExtras {
  http?: false | HttpOptions | undefined;
  /** Those of `forRoot`; those of `forRootAsync` are in the definition already. */
  imports?: ModuleMetadata['imports'] | undefined;
  /** Providers of the module's own, for its factory or its authorizer. */
  extraProviders?: Provider[] | undefined;
}

const extras: StreamingModuleExtras = { http: undefined, imports: undefined, extraProviders: [] };

function withExtras(
  definition: DynamicModule,
  { http, imports, extraProviders = [] }: StreamingModuleExtras,
): DynamicModule {
  return {
    ...definition,
    global: true,
    // As with the routes, what is no list is named by the check of all options.
    imports: [...(definition.imports ?? []), ...(Array.isArray(imports) ? imports : [])],
    controllers:
      http === false || http?.controller === false ? [] : [createStreamingController(routesOf(http))],
    providers: [...(definition.providers ?? []), ...extraProviders],
  };
}

/** Reads what is wrong as not given: the check of all options follows, and names it. */
function routesOf(http: HttpOptions | undefined): HttpRouteOptions {
  const given: Readonly<Record<string, unknown>> = { ...http };
  const right = Object.entries(routeChecks).filter(
    ([name, check]) => given[name] !== undefined && check(given[name]) === undefined,
  );
  return Object.fromEntries(right.map(([name]) => [name, given[name]]));
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<StreamingModuleOptions>({ moduleName: 'Streaming' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createStreamingOptions')
    .setExtras(extras, withExtras)
    .build();
