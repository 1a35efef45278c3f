import type { TaskEvent } from './task-event.js';
import type { TaskSnapshot } from './task-snapshot.js';

/** Where the decorator leaves what it was given, on the class. A registered symbol, so that two copies of the package see the same. */
const TASK_LISTENERS_METADATA = Symbol.for('nestjs-streaming:task-listeners');

/**
 * The task that an event belongs to.
 *
 * @publicApi
 */
export type EventTask = Pick<TaskSnapshot, 'app' | 'name' | 'id' | 'owner' | 'metadata'>;

/**
 * Which tasks an `@OnTaskEvent()` method listens to.
 *
 * @publicApi
 */
export interface OnTaskEventOptions {
  /** Only tasks of this app. @defaultValue all */
  app?: string | undefined;
  /** Only tasks of this name. @defaultValue all */
  name?: string | undefined;
}

/** One use of the decorator, as it was given: it is checked when the application starts. */
export interface TaskListenerMetadata {
  readonly method: string | symbol;
  readonly types: unknown;
  readonly options: unknown;
}

/**
 * Calls a method of a provider or a controller with each event of the tasks that this process runs, once the event is in
 * the log.
 *
 * A method is called with the events of one task in order, each after what it returned for the event before has settled.
 * Events that come meanwhile wait in memory, at most 10 000 for each task; further ones are dropped with a warning, but
 * never the terminal event. What the method throws or rejects with is logged, and changes nothing. It runs outside of the
 * async context of the task. The shutdown waits for it within its time.
 *
 * @param types an event type or several: a lifecycle event such as `completed`, `progress`, or one given to `sendEvent`.
 *   All events where it is left out
 * @param options which tasks. What is wrong with them, or with `types`, stops the start of the application with an
 *   InvalidOptionsError; so does a provider that is request-scoped or transient
 * @example
 * @OnTaskEvent(['completed', 'failed'], { app: 'reports' })
 * async record(event: TaskEvent, task: EventTask): Promise<void> {
 *   await this.audit.insert({ owner: task.owner, task: task.id, result: event.type });
 * }
 * @publicApi
 */
export function OnTaskEvent(types?: string | readonly string[], options: OnTaskEventOptions = {}) {
  return <Method extends (event: TaskEvent<never>, task: EventTask) => unknown>(
    target: object,
    method: string | symbol,
    _descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    const metadata: TaskListenerMetadata = { method, types, options };
    // A subclass has the listeners of its parents too.
    Reflect.defineMetadata(TASK_LISTENERS_METADATA, [...listenersOf(target), metadata], target);
  };
}

export function listenersOf(prototype: object): readonly TaskListenerMetadata[] {
  return (Reflect.getMetadata(TASK_LISTENERS_METADATA, prototype) ?? []) as readonly TaskListenerMetadata[];
}
