import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ContextIdFactory, DiscoveryService, ModuleRef } from '@nestjs/core';
import { type ResolvedOptions, resolveTaskOptions, STREAMING_OPTIONS } from '../../streaming.options.js';
import { InvalidOptionsError } from '../../task/errors/invalid-options.error.js';
import { InvalidTaskTypeError } from '../../task/errors/invalid-task-type.error.js';
import { STREAM_TASK_METADATA } from '../../task/stream-task.decorator.js';
import type { TaskHandler } from '../../task/task-handler.interface.js';
import type { StreamTaskOptions } from '../../task/task-options.js';
import { isTaskName } from '../../task/task-ref.js';
import { appNameOf, decoratedClassOf, type InstanceWrapper } from './find-task-types.js';
import { createInputValidator } from './input-validator.js';
import { TaskTypeRegistry } from './task-type.registry.js';

/** Finds every decorated provider of the application, whatever it is provided by, and registers it as a task type. */
@Injectable()
export class TaskTypeExplorer implements OnModuleInit, OnApplicationBootstrap {
  /** With the first of these to be destroyed, what handlers use begins to go: their instances, or their survivors. */
  readonly hosts = new Set<object>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly registry: TaskTypeRegistry,
    @Inject(STREAMING_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  async onModuleInit(): Promise<void> {
    const providers = this.discovery.getProviders();
    if (providers.filter(({ token }) => token === TaskTypeExplorer).length > 1) {
      throw new InvalidOptionsError(
        'StreamingModule is imported twice, so there would be two coordinators; import it once, in the root module: it is global',
      );
    }
    for (const wrapper of providers) {
      if (wrapper.isAlias) continue;
      const classRef = decoratedClassOf(wrapper);
      if (classRef) await this.#register(wrapper, classRef);
    }
  }

  /** Says what it found, as Nest does of routes. */
  onApplicationBootstrap(): void {
    const { names } = this.registry;
    const found = `Task types: ${names.join(', ')}`;
    new Logger('Streaming').log(
      names.length > 0 ? found : 'No task type was found: decorate a provider with @StreamTask()',
    );
  }

  async #register(wrapper: InstanceWrapper, classRef: Type): Promise<void> {
    const given = Reflect.getMetadata(STREAM_TASK_METADATA, classRef) as StreamTaskOptions;
    const where = `@StreamTask() of ${classRef.name || 'an anonymous class'}`;
    const options = resolveTaskOptions(where, given, this.options);
    const app = given.app ?? appNameOf(wrapper);
    const name = given.name ?? classRef.name;
    if (!isTaskName(app) || !isTaskName(name)) {
      throw new InvalidTaskTypeError(
        `${where} would be called "${app}/${name}", which no URL can hold; set "app" and "name"`,
      );
    }
    const isStatic = isSingle(wrapper);
    const handler: unknown = isStatic ? wrapper.instance : prototypeOf(wrapper, classRef);
    if (!isHandler(handler)) {
      throw new InvalidTaskTypeError(
        `${classRef.name} is decorated with @StreamTask() and has no process() method; add one, see TaskHandler`,
      );
    }
    const validate = await createInputValidator(`${app}/${name}`, given.input);
    for (const host of isStatic ? [handler] : survivorsOf(wrapper)) this.hosts.add(host);
    this.registry.add(
      { app, name, options, validate, resolve: isStatic ? () => handler : resolverOf(wrapper, classRef) },
      classRef,
    );
  }
}

function prototypeOf(wrapper: InstanceWrapper, classRef: Type): unknown {
  // What a factory makes is known when it has made it.
  return wrapper.inject ? classRef.prototype : (wrapper.metatype ?? classRef).prototype;
}

function isHandler(value: unknown): value is TaskHandler {
  return typeof (value as TaskHandler | null | undefined)?.process === 'function';
}

/**
 * What outlives the instances that are made for each run, and is destroyed whether they still run or not: their module, and
 * whatever they depend on that has a hook for it.
 */
function survivorsOf(wrapper: InstanceWrapper): readonly object[] {
  const survivors: object[] = wrapper.host?.instance ? [wrapper.host.instance] : [];
  const reached = new Set([wrapper]);
  for (const dependent of reached) {
    for (const dependency of dependenciesOf(dependent)) reached.add(dependency);
    if (isSingle(dependent) && hasDestroyHook(dependent.instance)) survivors.push(dependent.instance);
  }
  return survivors;
}

/** Those of the constructor or the factory, and of properties. Nest has no list where there are none. */
function dependenciesOf(wrapper: InstanceWrapper): readonly InstanceWrapper[] {
  const given = wrapper.getCtorMetadata() as (InstanceWrapper | undefined)[] | undefined;
  const properties = wrapper.getPropertiesMetadata() as { wrapper: InstanceWrapper }[] | undefined;
  const all = [...(given ?? []), ...(properties ?? []).map((property) => property.wrapper)];
  return all.filter((each) => each !== undefined);
}

/** Whether there is one instance, made at start. */
function isSingle(wrapper: InstanceWrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}

function hasDestroyHook(instance: unknown): instance is OnModuleDestroy {
  return typeof (instance as Partial<OnModuleDestroy> | null | undefined)?.onModuleDestroy === 'function';
}

/** Each run gets an instance of its own, made in the module that provides the class. */
function resolverOf(wrapper: InstanceWrapper, classRef: Type): (request: unknown) => Promise<TaskHandler> {
  return async (request) => {
    const moduleRef = wrapper.host?.getProviderByKey<ModuleRef>(ModuleRef).instance as ModuleRef;
    const contextId = ContextIdFactory.create();
    moduleRef.registerRequestByContextId(request, contextId);
    const handler: unknown = await moduleRef.resolve(wrapper.token as Type, contextId);
    if (!isHandler(handler))
      throw new InvalidTaskTypeError(`The provider of ${classRef.name} made no handler`);
    return handler;
  };
}
