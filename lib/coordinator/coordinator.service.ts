import { randomUUID } from 'node:crypto';
import { Injectable, type Type } from '@nestjs/common';
import { defer, from, type Observable, switchMap, throwError } from 'rxjs';
import type { ShutdownOptions } from '../streaming.options.js';
import { InvalidOptionsError, ShuttingDownError, TaskNotFoundError } from '../task/errors.js';
import { type Json, type JsonInput, toJson } from '../task/json/json.js';
import type { TaskEvent } from '../task/task-event.js';
import type { AsJson } from '../task/json/as-json.js';
import type { InputOf, ResultOf, TaskHandler } from '../task/task-handler.interface.js';
import { assertTaskRef, type TaskRef, taskKey, type TaskTypeRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { CoordinatorShutdown } from './coordinator-shutdown.js';
import {
  type CancelOptions,
  checkStartOptions,
  checkTaskFilter,
  DEFAULT_LIST_LIMIT,
  type ShutdownReport,
  type StartOptions,
  type TaskFilter,
  type TaskPage,
} from './coordinator.options.js';
import { TaskTypeRegistry } from '../task-types/task-type.registry.js';
import type { TaskType } from '../task-types/task-type.js';
import { TaskInput } from '../task-types/input/task-input.js';
import { TaskEngine } from '../engine/task-engine.js';
import { whenHere } from '../engine/soon.js';
import type { TaskView } from '../engine/task-view.js';
import type { RunOptions } from '../engine/new-task.js';
import { snapshotOf } from '../task/task-record.js';
import { isTerminal } from '../task/task-status.js';
import { cancelTask, RunHandle, sendSignal, type TaskHandle } from './task-handle.js';
import { watchTask } from './watch-task.js';

/**
 * Starts tasks, cancels them, and tells about them.
 *
 * @example
 * const task = await coordinator.start(ReportTask, { month: '2026-11' });
 * task.events().subscribe((event) => console.log(event.type, event.data));
 * await coordinator.cancelTask(task.ref, { detail: 'no longer needed' });
 * @publicApi
 */
@Injectable()
export class CoordinatorService {
  constructor(
    private readonly types: TaskTypeRegistry,
    private readonly engine: TaskEngine,
    private readonly coordinatorShutdown: CoordinatorShutdown,
  ) {}

  /**
   * Starts a task. With valid input it is registered at once; its handler begins in a later turn of the event loop, so
   * that `(await start(…)).cancel()` keeps it from ever running. An id that exists starts nothing: its task is returned
   * with `created: false`.
   *
   * @param type the decorated class, or `{ app, name }`
   * @param input what the handler gets as `task.input`: JSON, once it has passed the type's `input` schema. The object itself
   *   is left alone; each try gets a copy
   * @param options all optional
   * @throws TaskTypeNotFoundError, InvalidTaskIdError, InvalidInputError, InvalidOptionsError, TooManyTasksError and
   *   ShuttingDownError; none of them starts or keeps anything
   */
  start<T extends TaskHandler>(
    type: Type<T>,
    input: InputOf<T>,
    options?: StartOptions,
  ): Promise<TaskHandle<AsJson<ResultOf<T>>>>;
  start(type: TaskTypeRef, input: unknown, options?: StartOptions): Promise<TaskHandle>;
  async start(
    type: Type<TaskHandler> | TaskTypeRef,
    input: unknown,
    options?: StartOptions,
  ): Promise<TaskHandle> {
    if (this.coordinatorShutdown.isShuttingDown) throw new ShuttingDownError();
    const taskType = this.types.get(type);
    if (options !== undefined) checkStartOptions(options);
    const { app, name } = taskType;
    const given = options?.id;
    const isNew = given === undefined;
    const ref: TaskRef = { app, name, id: isNew ? randomUUID() : given };
    const restart = options?.restart ?? false;
    if (!isNew) {
      assertTaskRef(ref);
      const found = this.engine.find(ref);
      const existing = found instanceof Promise ? await found : found;
      // It may have begun while the engine was asked.
      if (this.coordinatorShutdown.isShuttingDown) throw new ShuttingDownError();
      if (existing && !(restart && isTerminal(existing.status))) return new RunHandle(existing, false);
    }
    const start = runOptionsOf(taskType, options);
    let checked = TaskInput.check(taskType, input, this.engine);
    if (checked instanceof Promise) {
      checked = await checked;
      // It may have begun while the schema was at work.
      if (this.coordinatorShutdown.isShuttingDown) throw new ShuttingDownError();
    }
    const starting = this.engine.start({
      type: taskType,
      ref,
      input: checked,
      options: start,
      signal: options?.signal,
      isNew,
      restart,
    });
    const { view, created } = starting instanceof Promise ? await starting : starting;
    return new RunHandle(view, created);
  }

  /**
   * Cancels a task.
   *
   * @returns `true` if the task had not ended: the request is accepted, also when it is a repeated one. `false` for an
   *   unknown or ended task. With `wait: 'settled'`, whether the task ended `cancelled`
   */
  cancelTask(app: string, name: string, id: string, options?: CancelOptions): Promise<boolean>;
  cancelTask(ref: TaskRef, options?: CancelOptions): Promise<boolean>;
  async cancelTask(
    first: string | TaskRef,
    second?: string | CancelOptions,
    id?: string,
    last?: CancelOptions,
  ): Promise<boolean> {
    const [ref, options] =
      typeof first === 'string'
        ? [{ app: first, name: second as string, id: id as string }, last]
        : [first, second as CancelOptions | undefined];
    return whenHere(this.engine.find(ref), (view) => (view ? cancelTask(view, options) : false));
  }

  /**
   * Sends input to a running task, for its `waitForSignal(name)`.
   *
   * @param name as an event's type
   * @param data JSON; `null` when left out. It is checked as a whole: of a value inside it, such as a Map in an object, the
   *   task gets what `JSON.stringify()` makes of it
   * @returns `false` for an unknown or ended task
   * @throws InvalidEventError for a malformed name or data JSON cannot hold; TooManySignalsError
   */
  async signal(ref: TaskRef, name: string, data?: JsonInput): Promise<boolean> {
    return whenHere(this.engine.find(ref), (view) => (view ? sendSignal(view, name, data) : false));
  }

  /** The current state of a task; `undefined` if it is unknown or no longer kept. */
  async get(ref: TaskRef): Promise<TaskSnapshot | undefined> {
    return whenHere(this.engine.find(ref), (view) => view && snapshotOf(view.record));
  }

  /**
   * Lists tasks, newest first.
   *
   * @throws InvalidOptionsError for a wrong field, InvalidQueryError for a cursor that no page gave
   */
  async list(filter: TaskFilter = {}): Promise<TaskPage> {
    checkTaskFilter(filter);
    const { limit = DEFAULT_LIST_LIMIT, ...query } = filter;
    // One more tells whether this page is the last.
    return whenHere(this.engine.list(query, limit + 1), (listing) => ({
      items: listing.views.slice(0, limit).map((view) => snapshotOf(view.record)),
      nextCursor: listing.views.length > limit ? listing.cursorBehind(limit - 1) : null,
    }));
  }

  /** Whether a task was started and has not ended. A task that waits for a place counts. */
  async isTaskRunning(app: string, name: string, id: string): Promise<boolean> {
    return whenHere(this.engine.find({ app, name, id }), (view) => !!view && !isTerminal(view.status));
  }

  /**
   * The events of a task: first those that are kept, from the start or after the event with the id `after`, then new
   * ones. It completes after the terminal event. An event of type `gap` stands for events that are no longer kept.
   *
   * Its errors are TaskNotFoundError, and StoreUnavailableError where the task is not found in time.
   */
  events(ref: TaskRef, options: { after?: string } = {}): Observable<TaskEvent> {
    return defer(() => {
      const watch = (view: TaskView | undefined): Observable<TaskEvent> =>
        view ? watchTask(view, options.after) : throwError(() => new TaskNotFoundError(ref));
      const found = this.engine.find(ref);
      return found instanceof Promise ? from(found).pipe(switchMap(watch)) : watch(found);
    });
  }

  /**
   * Ends every task: refuses new ones, lets running ones go on for `drain`, then cancels the rest with reason
   * `shutdown`, and abandons those that have not ended after `timeout`. `app.close()` does this by itself.
   *
   * @returns what became of the tasks; the same promise however often it is called. It never rejects because of a task
   * @throws InvalidOptionsError (synchronously)
   */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    return this.coordinatorShutdown.run(options);
  }

  /**
   * `app:name:id`, the name of a task in logs.
   *
   * @throws InvalidTaskIdError if one of the three is malformed
   */
  getTaskKey(app: string, name: string, id: string): string {
    const ref = { app, name, id };
    assertTaskRef(ref);
    return taskKey(ref);
  }
}

function runOptionsOf({ options: type }: TaskType, options: StartOptions | undefined): RunOptions {
  if (!options) return type;
  const { timeout = type.timeout, grace = type.grace, delay, priority, owner, metadata } = options;
  return {
    timeout,
    grace,
    ...(delay !== undefined && { delay }),
    ...(priority !== undefined && { priority }),
    ...(owner !== undefined && { owner }),
    ...(metadata !== undefined && { metadata: copyMetadata(metadata) }),
  };
}

function copyMetadata(metadata: Json): Json {
  try {
    return JSON.parse(toJson(metadata)) as Json;
  } catch (cause) {
    throw new InvalidOptionsError('Wrong option "metadata" in start(): expected what JSON can hold', {
      cause,
    });
  }
}
