import type { ShutdownReport, TaskFilter } from '../coordinator/coordinator.options.js';
import type { ShutdownOptions } from '../streaming.options.js';
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

/** Runs tasks, and finds those that it runs or keeps. What is asked of one task is asked of its view. */
export abstract class TaskEngine {
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
  abstract shutdown(options: Required<ShutdownOptions>): Promise<EndedTasks>;
}
