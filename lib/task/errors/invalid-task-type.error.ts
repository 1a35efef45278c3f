import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * A class decorated with `@StreamTask()` cannot be run as one.
 *
 * @publicApi
 */
export class InvalidTaskTypeError extends StreamingError {
  override readonly name = 'InvalidTaskTypeError';
  readonly code = 'INVALID_TASK_TYPE';
}
