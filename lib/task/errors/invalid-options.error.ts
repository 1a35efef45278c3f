import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * An option is unknown or wrong: of the module or a task type, and then the application does not start, or of one call.
 *
 * @publicApi
 */
export class InvalidOptionsError extends StreamingError {
  override readonly name = 'InvalidOptionsError';
  readonly code = 'INVALID_OPTIONS';
}
