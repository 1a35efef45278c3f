import { Inject, Injectable, Logger, type OnModuleInit, type Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { type Soon, whenHere } from '../../engine/soon.js';
import { TaskEngine } from '../../engine/task-engine.js';
import type { TaskView } from '../../engine/task-view.js';
import { isUnknownDependency, moduleRefOf } from '../../internals/nest-internals.js';
import { type ResolvedOptions, STREAMING_OPTIONS } from '../../streaming.options.js';
import { assertTaskRef, type TaskRef } from '../../task/task-ref.js';
import type { PlatformRequest } from '../request/http-exchange.js';
import { forbidden, notFound } from '../errors/http-errors.js';
import type { TaskAction, TaskAuthorizer } from './task-authorizer.js';

/** Finds the task a request speaks of, and asks the application's authorizer whether it may. */
@Injectable()
export class TaskAccess implements OnModuleInit {
  #authorizer: TaskAuthorizer | undefined;

  constructor(
    @Inject(STREAMING_OPTIONS) private readonly options: ResolvedOptions,
    private readonly engine: TaskEngine,
    private readonly moduleRef: ModuleRef,
    private readonly modules: ModulesContainer,
  ) {}

  async onModuleInit(): Promise<void> {
    const { authorize, http, where } = this.options;
    if (authorize) this.#authorizer = await this.#provide(authorize);
    else if (http.controller && process.env.NODE_ENV === 'production') {
      const start = http.start ? 'start tasks, and ' : '';
      new Logger('Streaming').warn(
        `Anyone who reaches the HTTP routes may ${start}watch and cancel every task: set "authorize" in ${where}`,
      );
    }
  }

  /** Whether an authorizer decides, so that its word also covers what is private in a snapshot. */
  get isAuthorized(): boolean {
    return this.#authorizer !== undefined;
  }

  /**
   * The task, if the request may do this with it, or else it throws. At once where it can: a promise costs more than all that.
   */
  find(action: TaskAction, ref: TaskRef, request: PlatformRequest): Soon<TaskView> {
    assertTaskRef(ref);
    return whenHere(this.engine.find(ref), (task) => {
      if (!task) throw notFound(ref);
      if (!this.#authorizer) return task;
      return this.check(action, ref, request, task.owner).then(() => task);
    });
  }

  /** @throws the HTTP errors 403, or 404 where the authorizer hides */
  async check(action: TaskAction, ref: TaskRef, request: PlatformRequest, owner?: string): Promise<void> {
    const answer = await this.ask(action, ref, request, owner);
    if (answer === 'hide') throw notFound(ref);
    if (!answer) throw forbidden();
  }

  /** Whether a client that may watch may also see the owner: a gap has a snapshot. */
  async showsPrivate({ ref, owner }: TaskView, request: PlatformRequest): Promise<boolean> {
    return this.isAuthorized && (await this.ask('status', ref, request, owner)) === true;
  }

  async ask(
    action: TaskAction,
    ref: TaskRef,
    request: PlatformRequest,
    owner?: string,
  ): Promise<boolean | 'hide'> {
    if (!this.#authorizer) return true;
    const answer = await this.#authorizer.authorize({
      action,
      ref,
      request,
      ...(owner !== undefined && { owner }),
    });
    // Without a type it may answer anything else: that allows nothing.
    return answer === true || answer === 'hide' ? answer : false;
  }

  async #provide(type: Type<TaskAuthorizer>): Promise<TaskAuthorizer> {
    let provided: TaskAuthorizer | undefined;
    try {
      provided = this.moduleRef.get(type, { strict: false });
    } catch {
      // The application provides none.
    }
    return provided ?? this.#make(type);
  }

  /** Where there is what it injects: here, with the `imports` of `forRootAsync`, or in one of the application's modules. */
  async #make(type: Type<TaskAuthorizer>): Promise<TaskAuthorizer> {
    let failure: unknown;
    const fromRoot = [...this.modules.values()].toSorted((one, other) => one.distance - other.distance);
    const places = fromRoot.map(moduleRefOf);
    for (const place of new Set([this.moduleRef, ...places])) {
      try {
        return await place.create(type);
      } catch (error) {
        if (!isUnknownDependency(error)) throw error;
        failure ??= error;
      }
    }
    throw failure;
  }
}
