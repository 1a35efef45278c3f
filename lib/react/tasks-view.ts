import type { AnyTask, StreamingConnectionError, StreamingRequestError, TaskRun } from '../client/index.js';
import type { TaskView } from './task-view.js';

/**
 * A task of a list: as `useTask()` gives it, with `events` from the moment on at which it was found.
 *
 * @publicApi
 */
export interface ListedTask extends TaskView<AnyTask, unknown> {
  readonly app: string;
  readonly name: string;
  readonly id: string;
  readonly run: TaskRun;
  /** An ISO string. */
  readonly createdAt: string;
}

/**
 * Tasks as they are shown.
 *
 * @publicApi
 */
export interface TasksView {
  /** Newest first. Each is live. One that matches no more is left at the next refresh. */
  readonly items: readonly ListedTask[];
  /** `null` when all are shown. */
  readonly nextCursor: string | null;
  /** Shows the next page too. It never rejects: what goes wrong is in `error`. */
  readonly loadMore: () => Promise<void>;
  /** Asks now. It never rejects. */
  readonly refresh: () => Promise<void>;
  /** Whether the first page, or the next, is being asked for. */
  readonly pending: boolean;
  /** Why the list could not be had. What was found before stays. */
  readonly error: StreamingRequestError | StreamingConnectionError | Error | undefined;
}

/**
 * For `useTasks()`. Others in the next render open nothing.
 *
 * @publicApi
 */
export interface UseTasksOptions {
  /** The milliseconds within which tasks that have started appear. `Infinity`: only `refresh()` asks. @defaultValue 5 000 */
  readonly refresh?: number;
  /** Milliseconds between two renders. The end of a task is shown at once. @defaultValue 0 */
  readonly throttle?: number;
  /** How many events each task keeps. @defaultValue 100 */
  readonly keepEvents?: number;
}
