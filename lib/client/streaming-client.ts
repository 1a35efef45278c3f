import type { TaskRef, TaskTypeRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { TaskStatus } from '../task/task-status.js';
import type { TaskRun } from './task-run.js';
import type { AnyTask, AnyTasks, ShapeAt, ShapeOf, TaskShape, TaskShapes } from './task-types.js';

/**
 * What is started or found of one task type.
 *
 * @publicApi
 */
export interface TaskClient<S extends TaskShape = AnyTask> extends TaskTypeRef {
  /**
   * Starts a task: with an `id` by `PUT`, which starts it once however often it is sent, else by `POST`.
   *
   * @param options `signal`: its abort withdraws the start while it was not sent
   * @throws StreamingRequestError where the server refuses; `issues` says what is wrong with the input
   * @throws StreamingConnectionError for a `POST` without an answer: the task may have been started
   */
  start(
    input: S['input'],
    options?: { readonly id?: string | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<TaskRun<S>>;

  /** A task that exists. Nothing is asked before the run is used. @param options `after`: the last event that is known */
  attach(id: string, options?: { readonly after?: string | undefined }): TaskRun<S>;
}

/**
 * A task that `watch()` watches.
 *
 * @publicApi
 */
export interface WatchedRef extends TaskRef {
  /** The id of the last event that is known. */
  readonly after?: string | undefined;
}

/**
 * Which tasks are listed.
 *
 * @publicApi
 */
export interface ListFilter {
  readonly app?: string | undefined;
  readonly name?: string | undefined;
  readonly status?: TaskStatus | undefined;
  /** Tasks of a page, 1 to 1 000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** The `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

/**
 * A page of a list.
 *
 * @publicApi
 */
export interface TaskPage {
  readonly items: readonly TaskSnapshot<unknown, unknown>[];
  /** `null` on the last page. */
  readonly nextCursor: string | null;
}

/**
 * The first page of a list.
 *
 * @publicApi
 */
export interface TaskList extends Promise<TaskPage> {
  /** The tasks of this page and of all that follow. */
  all(): AsyncIterableIterator<TaskSnapshot<unknown, unknown>>;
}

/**
 * Starts, watches and cancels tasks of a server.
 *
 * @publicApi
 */
export interface StreamingClient<T extends TaskShapes = AnyTasks> {
  task<App extends keyof T & string, Name extends keyof T[App] & string>(
    app: App,
    name: Name,
  ): TaskClient<ShapeOf<T, App, Name>>;
  task<App extends keyof T & string, Name extends keyof T[App] & string>(type: {
    readonly app: App;
    readonly name: Name;
  }): TaskClient<ShapeOf<T, App, Name>>;

  /** Runs that are watched on one connection, whenever each is read. More than 100 take several. */
  watch<const Refs extends readonly WatchedRef[]>(
    refs: Refs,
  ): { -readonly [Index in keyof Refs]: TaskRun<ShapeAt<T, Refs[Index]>> };

  /** Lists tasks. The server must have `http.list`. */
  list(filter?: ListFilter): TaskList;
}
