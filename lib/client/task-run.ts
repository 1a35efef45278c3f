import type { TaskRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { AnyTask, RunEvent, RunOutcome, RunState, TaskShape } from './task-types.js';

/**
 * Where a reader begins, and what ends it.
 *
 * @publicApi
 */
export interface EventsOptions {
  /** The id of the last event that is known. @defaultValue what `attach()` was given */
  readonly after?: string | undefined;
  /** Without `after`: `latest` begins with the newest event, `state` with what the task has come to. */
  readonly from?: 'latest' | 'state' | undefined;
  /** Its abort ends the reading, which rejects with its reason. It never cancels the task. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One run of a task, watched from here. Nothing is asked of the server before it is used.
 *
 * @example
 * for await (const event of run) {
 *   if (event.type === 'progress') show(event.data);
 * }
 * const outcome = await run.outcome();
 * @publicApi
 */
export interface TaskRun<S extends TaskShape = AnyTask>
  extends TaskRef, RunState<S>, AsyncIterable<RunEvent<S>> {
  /**
   * Its events, each once and in order, over lost connections, up to the terminal one. To `break` stops watching; it never
   * cancels.
   *
   * @throws StreamingRequestError where the server refuses
   * @throws StreamingConnectionError when `retry.attempts` are used up
   */
  events(options?: EventsOptions): AsyncIterableIterator<RunEvent<S>>;

  /** How it ends. It never rejects because of the task. */
  outcome(options?: { readonly signal?: AbortSignal | undefined }): Promise<RunOutcome<S['result']>>;

  /**
   * What it ends with.
   *
   * @throws TaskFailedError, TaskCancelledError, TaskTimeoutError or TaskGoneError for any other end
   */
  result(options?: { readonly signal?: AbortSignal | undefined }): Promise<S['result']>;

  /**
   * Asks the server to cancel the task.
   *
   * @param detail why, for those who watch
   * @param options `wait`: how long the answer may wait for the end, in milliseconds, at most 30 000
   * @returns `true` when the request was accepted, `false` when the task was over, and with `wait` the snapshot if it ended
   *   in that time
   */
  cancel(detail?: string): Promise<boolean>;
  cancel(
    detail: string | undefined,
    options: { readonly wait?: number | undefined },
  ): Promise<boolean | TaskSnapshot<S['result'], S['state']>>;

  /** Sends data to the running task. `false` when it was over. */
  signal(name: string, data?: unknown): Promise<boolean>;

  /** Asks how it stands. */
  snapshot(): Promise<TaskSnapshot<S['result'], S['state']>>;

  /** Has a listener called after every change of what was last heard. Opens nothing. @returns what ends it */
  readonly subscribe: (listener: () => void) => () => void;

  /** What was last heard: the same object until something has changed. Opens nothing. */
  readonly getSnapshot: () => RunState<S>;
}
