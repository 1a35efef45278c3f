import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * Something was asked of a task that is over.
 *
 * @publicApi
 */
export class TaskEndedError extends StreamingError {
  override readonly name = 'TaskEndedError';
  readonly code = 'TASK_ENDED';
}
