import type { TaskSnapshot } from './task-snapshot.js';

export interface ErrorSummary {
  readonly message: string;
  readonly errorType: string;
}

/** A task as it is kept: its snapshot, and what may leave the process of it. JSON can hold all of it. */
export interface TaskRecord extends TaskSnapshot {
  /** What watchers may see of the error of a `failed` task. */
  readonly publicError: ErrorSummary | null;
}

/** The task as the application sees it. */
export function snapshotOf(record: TaskRecord): TaskSnapshot {
  const { publicError: _publicError, ...snapshot } = record;
  return snapshot;
}
