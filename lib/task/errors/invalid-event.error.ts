import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * An event's type is malformed or reserved, or its data cannot be sent.
 *
 * @publicApi
 */
export class InvalidEventError extends StreamingError {
  override readonly name = 'InvalidEventError';
  readonly code = 'INVALID_EVENT';
}
