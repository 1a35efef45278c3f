import type { TaskRun } from '../../run/task-run.js';
import type { LogPosition } from '../../log/log-cursor.js';

/** A task as one client watches it. */
export interface WatchedTask {
  readonly run: TaskRun;
  readonly position: LogPosition;
  /** Whether the gap that the stream begins with may show the owner. */
  readonly showsPrivate: boolean;
}
