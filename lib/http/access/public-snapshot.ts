import type { CancelReason } from '../../cancellation/cancel-reason.js';
import type { TaskRecord } from '../../task/task-record.js';
import type { TaskSnapshot } from '../../task/task-snapshot.js';

/**
 * A snapshot as it may leave the process. It has the public message of an error. It says who owns the task, its metadata
 * and who cancelled it only where an authorizer has decided that this client may know.
 */
export function publicSnapshot(record: TaskRecord, isAuthorized: boolean): TaskSnapshot {
  const { owner, metadata, cancellation, publicError, ...open } = record;
  return {
    ...open,
    ...(isAuthorized && owner !== undefined && { owner }),
    ...(isAuthorized && metadata !== undefined && { metadata }),
    error: publicError,
    cancellation: cancellation && publicReason(cancellation, isAuthorized),
  };
}

/** Names what may be told: a reason may hold errors of the application as well. */
function publicReason({ kind, detail, of, timeout, by }: CancelReason, isAuthorized: boolean): CancelReason {
  return {
    kind,
    ...(detail !== undefined && { detail }),
    ...(of !== undefined && { of }),
    ...(timeout !== undefined && { timeout }),
    ...(isAuthorized && by !== undefined && { by }),
  };
}
