import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleInit,
  Optional,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, LazyModuleLoader, ModulesContainer } from '@nestjs/core';
import { type InstanceWrapper, isSingle, type Module } from '../internals/nest-internals.js';
import { resolveTaskOptions } from '../resolve-options.js';
import { type ResolvedOptions, STREAMING_OPTIONS } from '../streaming.options.js';
import { InvalidOptionsError, InvalidTaskTypeError } from '../task/errors.js';
import { STREAM_TASK_METADATA } from '../task/stream-task.decorator.js';
import type { InputValidation } from '../task/options/module-task-options.js';
import type { StreamTaskOptions } from '../task/options/task-options.js';
import { isTaskName } from '../task/task-ref.js';
import { appNameOf, decoratedClassOf } from './find-task-types.js';
import { globalValidations } from './input/dto-validator.js';
import { handlerResolver, isHandler } from './handler-resolver.js';
import { createInputValidator } from './input/input-validator.js';
import { injectedProviders, shutdownHostsOf } from './injected-providers.js';
import { onModuleLoaded } from './lazy-modules.js';
import { TaskListenerRegistry } from './task-listener.registry.js';
import { TaskTypeRegistry } from './task-type.registry.js';

/** Registers every decorated provider of the application as a task type: at start, and when a module is loaded lazily. */
@Injectable()
export class TaskTypeExplorer implements OnModuleInit, OnApplicationBootstrap {
  /** Each provider that was looked at or is being looked at: modules that are loaded at once may share imports. */
  readonly #explored = new Map<InstanceWrapper, Promise<void>>();
  readonly hosts = new Set<object>();
  #exploring: Promise<void> | undefined;
  #onHost: ((host: object) => void) | undefined;
  #hasReported = false;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly registry: TaskTypeRegistry,
    @Inject(STREAMING_OPTIONS) private readonly options: ResolvedOptions,
    private readonly modules: ModulesContainer,
    private readonly listeners: TaskListenerRegistry,
    loader: LazyModuleLoader,
    @Optional() private readonly config?: ApplicationConfig,
  ) {
    onModuleLoaded(loader, modules, async (loaded) => {
      const before = new Set(registry.names);
      await this.#explore([...loaded]);
      const found = registry.names.filter((name) => !before.has(name));
      if (this.#hasReported && found.length > 0) report(found);
    });
  }

  /** Nest runs the hooks of a module side by side: who has to wait for this one calls it, too. */
  onModuleInit(): Promise<void> {
    return (this.#exploring ??= this.#exploreAll());
  }

  async #exploreAll(): Promise<void> {
    const providers = this.discovery.getProviders();
    if (providers.filter(({ token }) => token === TaskTypeExplorer).length > 1) {
      throw new InvalidOptionsError(
        'StreamingModule is imported twice, so there would be two coordinators; import it once, in the root module: it is global',
      );
    }
    await this.#explore([...this.modules.values()]);
  }

  /** Says what it found, as Nest does of routes. */
  onApplicationBootstrap(): void {
    this.#hasReported = true;
    report(this.registry.names);
    // One that was renamed would make an audit empty without a word.
    for (const { name, filter } of this.listeners.unheard(this.registry.all)) {
      new Logger('Streaming').warn(
        `@OnTaskEvent() of ${name} hears nothing so far: there is no task type with ${JSON.stringify(filter)}`,
      );
    }
  }

  /** Calls back for each, now or once it is loaded. With the first to be destroyed, what handlers use begins to go. */
  forEachHost(callback: (host: object) => void): void {
    this.#onHost = callback;
    for (const host of this.hosts) callback(host);
  }

  async #explore(modules: Module[]): Promise<void> {
    const providers = this.discovery.getProviders({}, modules).filter(({ isAlias }) => !isAlias);
    for (const wrapper of [...providers, ...this.discovery.getControllers({}, modules)]) {
      // What listens to the end of a task must live until then, as what the handler uses.
      if (this.listeners.add(wrapper)) this.#addHosts(wrapper);
    }
    for (const wrapper of providers) {
      const classRef = decoratedClassOf(wrapper);
      if (!classRef) continue;
      const exploring = this.#explored.get(wrapper) ?? this.#register(wrapper, classRef);
      this.#explored.set(wrapper, exploring);
      try {
        await exploring;
      } catch (error) {
        this.#explored.delete(wrapper);
        throw error;
      }
    }
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
    const validate = await createInputValidator(`${app}/${name}`, given.input, this.#validations);
    this.registry.add(
      {
        app,
        name,
        options,
        input: given.input,
        validate,
        resolve: isStatic
          ? () => handler
          : handlerResolver(wrapper, classRef, injectedProviders(wrapper, this.modules)),
      },
      classRef,
    );
    this.#addHosts(wrapper);
  }

  /** How inputs are validated whose `input` is a class: as the module says, or else as the bodies of routes are. */
  get #validations(): readonly InputValidation[] {
    const { validation } = this.options;
    const validations = validation ? [validation] : globalValidations(this.config);
    return validations.length > 0 ? validations : [{}];
  }

  #addHosts(wrapper: InstanceWrapper): void {
    for (const host of shutdownHostsOf(wrapper, this.modules)) {
      if (this.hosts.has(host)) continue;
      this.hosts.add(host);
      this.#onHost?.(host);
    }
  }
}

function report(names: readonly string[]): void {
  const found = `Task types: ${names.join(', ')}`;
  new Logger('Streaming').log(
    names.length > 0 ? found : 'No task type was found: decorate a provider with @StreamTask()',
  );
}

function prototypeOf(wrapper: InstanceWrapper, classRef: Type): unknown {
  // What a factory makes is known when it has made it.
  return wrapper.inject ? classRef.prototype : (wrapper.metatype ?? classRef).prototype;
}
