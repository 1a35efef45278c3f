import { Injectable } from '@nestjs/common';
import { type InstanceWrapper, isSingle } from '../internals/nest-internals.js';
import { InvalidOptionsError } from '../task/errors.js';
import { listenersOf, type OnTaskEventOptions } from '../task/on-task-event.decorator.js';
import type { TaskTypeRef } from '../task/task-ref.js';
import { TaskListener } from './task-listener.js';

/** The methods of the application with `@OnTaskEvent()`. */
@Injectable()
export class TaskListenerRegistry {
  readonly #listeners: TaskListener[] = [];
  readonly #known = new WeakSet<object>();

  /** Registers the decorated methods of a provider or a controller, of which there must be one, and says whether it has any. */
  add(wrapper: InstanceWrapper): boolean {
    const prototype = prototypeOf(wrapper);
    const found = prototype ? listenersOf(prototype) : [];
    if (found.length === 0) return false;
    const className = prototype?.constructor.name ?? String(wrapper.name);
    if (!isSingle(wrapper)) {
      throw new InvalidOptionsError(
        `${className} has @OnTaskEvent() and is request-scoped or transient, or injects what is; an event belongs to no request: move the method to a provider of which there is one instance`,
      );
    }
    const instance = wrapper.instance as object;
    if (this.#known.has(instance)) return true;
    const listeners = found.map((metadata) => new TaskListener(instance, metadata, className));
    this.#listeners.push(...listeners);
    this.#known.add(instance);
    return true;
  }

  get isEmpty(): boolean {
    return this.#listeners.length === 0;
  }

  of(type: TaskTypeRef): TaskListener[] {
    return this.#listeners.filter((listener) => listener.hears(type));
  }

  /** Those that listen to none of these task types, each with what it names. */
  unheard(types: readonly TaskTypeRef[]): { name: string; filter: OnTaskEventOptions }[] {
    return this.#listeners.filter(
      (listener) => listener.isFiltered && !types.some((type) => listener.hears(type)),
    );
  }
}

function prototypeOf(wrapper: InstanceWrapper): object | null {
  if (!isSingle(wrapper)) return (wrapper.metatype?.prototype ?? null) as object | null;
  const instance: unknown = wrapper.instance;
  return typeof instance === 'object' && instance !== null
    ? (Object.getPrototypeOf(instance) as object | null)
    : null;
}
