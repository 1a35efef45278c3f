import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, type Type } from '@nestjs/common';
import { defer, type Observable, throwError } from 'rxjs';
import { type ResolvedOptions, type ShutdownOptions, STREAMING_OPTIONS } from '../streaming.options.js';
import { InvalidOptionsError } from '../task/errors/invalid-options.error.js';
import { ShuttingDownError } from '../task/errors/shutting-down.error.js';
import { TaskNotFoundError } from '../task/errors/task-not-found.error.js';
import { TooManyTasksError } from '../task/errors/too-many-tasks.error.js';
import { type Json, type JsonInput, toJson } from '../task/json.js';
import type { TaskEvent } from '../task/task-event.js';
import type { InputOf, ResultOf, TaskHandler } from '../task/task-handler.interface.js';
import { assertTaskRef, type TaskRef, taskKey, type TaskTypeRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { beginSoon } from './begin-soon.js';
import { CoordinatorShutdown } from './coordinator-shutdown.js';
import {
  type CancelOptions,
  checkCancelOptions,
  checkStartOptions,
  checkTaskFilter,
  type ShutdownReport,
  type StartOptions,
  type TaskFilter,
  type TaskPage,
} from './coordinator.options.js';
import { ListenerDelivery } from './events/listener-delivery.js';
import { defaultLimit, listRuns, pageOf } from './list-tasks.js';
import { RunInput } from '../run/run-input.js';
import type { RunHost, RunOptions } from '../run/run-options.js';
import { TaskRun } from '../run/task-run.js';
import { type HandleHost, RunHandle, type TaskHandle } from './task-handle.js';
import { signalRun } from './signal-run.js';
import { ConcurrencyLimiter } from './concurrency-limiter.js';
import { TaskStore } from './task-store.js';
import { TaskTypeRegistry } from '../task-types/task-type.registry.js';
import type { TaskType } from '../task-types/task-type.js';
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
  readonly #logger = new Logger('Streaming');
  readonly #limiter = new ConcurrencyLimiter(beginSoon);
  readonly #host: RunHost;

  readonly #handles: HandleHost = {
    cancelRun: (run, options) => this.#cancel(run, options),
  };

  constructor(
    private readonly types: TaskTypeRegistry,
    private readonly store: TaskStore,
    private readonly coordinatorShutdown: CoordinatorShutdown,
    private readonly listeners: ListenerDelivery,
    @Inject(STREAMING_OPTIONS) options: ResolvedOptions,
  ) {
    this.#host = {
      logger: this.#logger,
      signals: store.signals,
      isCancellation: options.isCancellation,
      onFree: (run) => this.#limiter.leave(run),
      onOver: (run) => store.retire(run),
    };
  }

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
  ): Promise<TaskHandle<ResultOf<T>>>;
  start(type: TaskTypeRef, input: unknown, options?: StartOptions): Promise<TaskHandle>;
  async start(
    type: Type<TaskHandler> | TaskTypeRef,
    input: unknown,
    options: StartOptions = noOptions,
  ): Promise<TaskHandle> {
    if (this.coordinatorShutdown.isShuttingDown) throw new ShuttingDownError();
    const taskType = this.types.get(type);
    if (options !== noOptions) checkStartOptions(options);
    const { app, name } = taskType;
    const { id = randomUUID() } = options;
    const ref: TaskRef = { app, name, id };
    if (options.id !== undefined) {
      assertTaskRef(ref);
      const existing = this.#existing(ref, options);
      if (existing) return existing;
    }
    const start = runOptionsOf(taskType, options);
    let checked = RunInput.check(taskType, input);
    if (checked instanceof Promise) {
      checked = await checked;
      // While the schema was at work, the id may have been started and the shutdown begun.
      if (this.coordinatorShutdown.isShuttingDown) throw new ShuttingDownError();
      const startedMeanwhile = this.#existing(ref, options);
      if (startedMeanwhile) return startedMeanwhile;
    }
    if (this.#limiter.isOverfull(taskType)) {
      throw new TooManyTasksError(app, name, taskType.options.maxPending);
    }
    return new RunHandle(this.#register(taskType, ref, checked, start, options.signal), this.#handles, true);
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
    const run = this.store.find(ref);
    return run ? this.#cancel(run, options) : false;
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
    const run = this.store.find(ref);
    return run !== undefined && signalRun(run, name, data);
  }

  /** The current state of a task; `undefined` if it is unknown or no longer kept. */
  async get(ref: TaskRef): Promise<TaskSnapshot | undefined> {
    return this.store.find(ref)?.snapshot();
  }

  /**
   * Lists tasks, newest first.
   *
   * @throws InvalidOptionsError for a wrong field, InvalidQueryError for a cursor that no page gave
   */
  async list(filter: TaskFilter = {}): Promise<TaskPage> {
    checkTaskFilter(filter);
    const { limit = defaultLimit, ...rest } = filter;
    const { runs, nextCursor } = pageOf(listRuns(this.store.all(), rest), limit);
    return { items: runs.map((run) => run.snapshot()), nextCursor };
  }

  /** Whether a task was started and has not ended. A task that waits for a place counts. */
  async isTaskRunning(app: string, name: string, id: string): Promise<boolean> {
    const run = this.store.find({ app, name, id });
    return run !== undefined && !run.over;
  }

  /**
   * The events of a task: first those that are kept, from the start or after the event with the id `after`, then new
   * ones. It completes after the terminal event. An event of type `gap` stands for events that are no longer kept.
   *
   * The only error is TaskNotFoundError.
   */
  events(ref: TaskRef, options: { after?: string } = {}): Observable<TaskEvent> {
    return defer(() => {
      const run = this.store.find(ref);
      return run ? watchTask(run, options.after) : throwError(() => new TaskNotFoundError(ref));
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

  async #cancel(run: TaskRun, options: CancelOptions = {}): Promise<boolean> {
    checkCancelOptions(options);
    const { detail, by, grace, wait } = options;
    const accepted = run.cancel(
      'external',
      { ...(detail !== undefined && { detail }), ...(by !== undefined && { by }) },
      grace,
    );
    if (!accepted || wait !== 'settled') return accepted;
    return (await run.settled).status === 'cancelled';
  }

  #existing(ref: TaskRef, { restart = false }: StartOptions): TaskHandle | undefined {
    const run = this.store.find(ref);
    return run && !(restart && run.over) ? new RunHandle(run, this.#handles, false) : undefined;
  }

  #register(type: TaskType, ref: TaskRef, input: RunInput, start: RunOptions, signal?: AbortSignal): TaskRun {
    const log = this.store.createLog(ref, type.options.replay);
    const run = new TaskRun(type, ref, input, start, log, log, this.#host);
    // First: a signal that is not Node's own may throw, and then nothing is kept.
    const aborted = signal && run.follow(signal);
    this.listeners.follow(run);
    this.store.add(run);
    if (aborted) run.cancel('external', aborted);
    if (!run.decided) this.#limiter.enter(run);
    return run;
  }
}

const noOptions: StartOptions = {};

function runOptionsOf({ options: type }: TaskType, options: StartOptions): RunOptions {
  if (options === noOptions) return type;
  const { timeout = type.timeout, grace = type.grace, owner, metadata } = options;
  return {
    timeout,
    grace,
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
