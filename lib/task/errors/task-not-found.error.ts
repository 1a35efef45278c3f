import { type TaskRef, taskPath } from '../task-ref.js';
import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * There is no such task: it was never started here, or is no longer kept.
 *
 * @publicApi
 */
export class TaskNotFoundError extends StreamingError {
  override readonly name = 'TaskNotFoundError';
  readonly code = 'TASK_NOT_FOUND';

  constructor(ref: TaskRef) {
    super(`There is no task ${taskPath(ref)}: it was never started, or is no longer kept`);
  }
}
