import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * Two task types cannot be told apart.
 *
 * @publicApi
 */
export class TaskTypeConflictError extends StreamingError {
  override readonly name = 'TaskTypeConflictError';
  readonly code = 'TASK_TYPE_CONFLICT';
}
