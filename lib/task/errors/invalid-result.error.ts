import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * What a handler returned cannot be sent: JSON cannot hold it, or it is over `maxEventBytes`. The task is `failed`.
 *
 * @publicApi
 */
export class InvalidResultError extends StreamingError {
  override readonly name = 'InvalidResultError';
  readonly code = 'INVALID_RESULT';
}
