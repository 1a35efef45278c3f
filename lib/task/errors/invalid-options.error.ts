import { StreamingError } from '../../cancellation/streaming.error.js';

/**
 * An option of the module or of a task type is unknown or wrong. The application does not start.
 *
 * @publicApi
 */
export class InvalidOptionsError extends StreamingError {
  override readonly name = 'InvalidOptionsError';
  readonly code = 'INVALID_OPTIONS';
}
