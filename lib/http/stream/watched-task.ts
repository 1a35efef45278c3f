import type { TaskView } from '../../engine/task-view.js';
import type { LogPosition } from '../../log/log-cursor.js';

/** A task as one client watches it. */
export interface WatchedTask {
  readonly run: TaskView;
  readonly position: LogPosition;
  /** Whether the gap that the stream begins with may show the owner. */
  readonly showsPrivate: boolean;
}
