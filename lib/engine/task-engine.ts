import type { ShutdownReport, TaskFilter } from '../coordinator/coordinator.options.js';
import type { ShutdownOptions } from '../streaming.options.js';
import type { Filled } from '../task/options/task-options.js';
import type { TaskRef } from '../task/task-ref.js';
import type { NewTask } from './new-task.js';
import type { Soon } from './soon.js';
import type { TaskView } from './task-view.js';

/** Which tasks are listed. A `cursor` lists what comes behind it. */
export type TaskQuery = Omit<TaskFilter, 'limit'>;

/** Listed tasks, newest first. */
export interface TaskListing {
  readonly views: readonly TaskView[];
  /** The cursor that the list goes on from behind one of them. */
  cursorBehind(index: number): string;
}

/** What became of the tasks at a shutdown, and how much of its `timeout` is left, in milliseconds. */
export type EndedTasks = Omit<ShutdownReport, 'durationMs'> & { readonly left: number };

/**
 * Runs tasks, and finds those that it runs or keeps. What is asked of one task is asked of its view.
 *
 * The application calls `open`, `begin`, `shutdown` and `close`, in this order. If it does not start, `close` may be all that it calls, or
 * nothing.
 */
export abstract class TaskEngine {
  /** Whether tasks may run in another process, so that their inputs are needed as JSON. */
  readonly inputsTravel?: boolean;

  /** Whether the sizes of inputs are told. Set by who shows them: measuring one takes as long as writing it. */
  measuresInputs?: boolean;

  /** Where tasks run, for the log: `in this process`. Known once it is open. Never with a password. */
  abstract readonly where: string;

  /**
   * The task types of the application are known: those that come later come with modules that are loaded lazily. Until it resolves nothing
   * is asked of the engine, and no other module is initialised.
   *
   * @throws what keeps the application from starting. Then nothing is open
   */
  abstract open(): Soon<void>;

  /**
   * The application has started: all hooks of all its modules are done. Handlers of tasks that were started elsewhere run from now on. Those
   * that were started here before need not wait for it.
   *
   * If a hook fails, this is not called, and nothing that the engine has opened may keep the process alive.
   */
  abstract begin(): void;

  /**
   * Finds the task, or registers it, in one step. An ended one is registered anew where `restart` says so.
   *
   * @returns its view, and whether this call has registered it
   * @throws TooManyTasksError, and what following the signal throws; then nothing is kept
   */
  abstract start(task: NewTask): Soon<{ readonly view: TaskView; readonly created: boolean }>;

  abstract find(ref: TaskRef): Soon<TaskView | undefined>;

  /**
   * @param most how many are listed at most; fewer only when there are no more
   * @throws InvalidQueryError for a cursor that no list gave
   */
  abstract list(query: TaskQuery, most: number): Soon<TaskListing>;

  /** Ends the tasks of this process: lets them go on for `drain`, then cancels them, and abandons them after `timeout`. */
  abstract shutdown(options: Filled<ShutdownOptions>): Promise<EndedTasks>;

  /**
   * Gives up what it holds, once the HTTP server is closed and all hooks of other modules are done. It never rejects. It may be called
   * twice, and where the engine was not opened.
   */
  abstract close(): Soon<void>;
}
