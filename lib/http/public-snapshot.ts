import { publicError } from '../coordinator/run/public-error.js';
import type { TaskRun } from '../coordinator/run/task-run.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';

/**
 * A snapshot as it may leave the process: an error by its public message, and who owns the task, its metadata and who
 * cancelled it only where an authorizer has decided that this client may know.
 */
export function publicSnapshot(run: TaskRun, isAuthorized: boolean): TaskSnapshot {
  const { owner, metadata, cancellation, ...open } = run.snapshot();
  const { by, ...reason } = cancellation ?? {};
  return {
    ...open,
    ...(isAuthorized && owner !== undefined && { owner }),
    ...(isAuthorized && metadata !== undefined && { metadata }),
    error: run.outcome?.status === 'failed' ? publicError(run.outcome.error) : null,
    cancellation: cancellation && {
      ...reason,
      kind: cancellation.kind,
      ...(isAuthorized && by !== undefined && { by }),
    },
  };
}
