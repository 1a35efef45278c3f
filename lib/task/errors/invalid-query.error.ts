import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * A parameter of a query, or the cursor of a `TaskFilter`, is malformed.
 *
 * @publicApi
 */
export class InvalidQueryError extends StreamingError {
  override readonly name = 'InvalidQueryError';
  readonly code = 'INVALID_QUERY';
}
