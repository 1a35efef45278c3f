import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { LogCursor } from '../../log/log-cursor.js';
import { LogEntry } from '../../log/log-entry.js';
import { InvalidOptionsError } from '../../task/errors/invalid-options.error.js';
import { listenersOf, type OnTaskEventOptions } from '../../task/on-task-event.decorator.js';
import type { TaskTypeRef } from '../../task/task-ref.js';
import { within } from '../../cancellation/time/within.js';
import { CoordinatorShutdown } from '../coordinator-shutdown.js';
import type { TaskRun } from '../run/task-run.js';
import type { InstanceWrapper } from '../types/find-task-types.js';
import { isSingle } from '../types/shutdown-hosts.js';
import { ListenerFeed } from './listener-feed.js';
import { TaskListener } from './task-listener.js';

/** What the listeners have at least at a shutdown, when the tasks have taken all of its time: as watchers do. */
const leastDrain = 1_000;

/** The methods of the application with `@OnTaskEvent()`. Each is called with the events of the tasks that it listens to. */
@Injectable()
export class TaskListeners {
  readonly #listeners: TaskListener[] = [];
  readonly #known = new WeakSet<object>();
  readonly #deliveries = new Set<Promise<void>>();
  /** That of the application. A listener runs neither in a task's context, nor in that of a request that loads its module. */
  readonly #inOwnContext = AsyncLocalStorage.snapshot();

  constructor(shutdown: CoordinatorShutdown) {
    shutdown.register({ drain: (ms) => this.#drain(Math.max(ms, leastDrain)) });
  }

  /**
   * Registers the decorated methods of a provider or a controller.
   *
   * @returns whether it has any
   * @throws InvalidOptionsError for wrong options, and where there is not one instance of it
   */
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

  /** Those that listen to none of these task types, each with what it names. */
  unheard(types: readonly TaskTypeRef[]): { name: string; filter: OnTaskEventOptions }[] {
    return this.#listeners.filter(
      (listener) => listener.isFiltered && !types.some((type) => listener.hears(type)),
    );
  }

  /** Calls the listeners with the events of a run, from its first to its terminal event. */
  follow(run: TaskRun): void {
    // Costs an application without listeners nothing.
    if (this.#listeners.length === 0) return;
    const feeds = this.#listeners
      .filter((listener) => listener.hears(run.ref))
      .map((listener) => new ListenerFeed(run, listener));
    if (feeds.length === 0) return;
    const cursor = new LogCursor(run.log, { after: run.log.lastSeq });
    run.log.subscribe(() => {
      for (let next = cursor.next(); next; next = cursor.next()) {
        if (next instanceof LogEntry) this.#give(next, feeds);
      }
    });
  }

  #give(entry: LogEntry, feeds: readonly ListenerFeed[]): void {
    for (const feed of feeds) {
      const delivery = this.#inOwnContext(() => feed.add(entry));
      if (!delivery) continue;
      this.#deliveries.add(delivery);
      void delivery.then(() => this.#deliveries.delete(delivery));
    }
  }

  async #drain(ms: number): Promise<void> {
    if (this.#deliveries.size > 0) await within(ms, Promise.all(this.#deliveries));
  }
}

function prototypeOf(wrapper: InstanceWrapper): object | null {
  if (!isSingle(wrapper)) return (wrapper.metatype?.prototype ?? null) as object | null;
  const instance: unknown = wrapper.instance;
  return typeof instance === 'object' && instance !== null
    ? (Object.getPrototypeOf(instance) as object | null)
    : null;
}
