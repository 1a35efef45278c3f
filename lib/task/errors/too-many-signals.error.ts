import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * More signals wait for the handler than are kept for it.
 *
 * @publicApi
 */
export class TooManySignalsError extends StreamingError {
  override readonly name = 'TooManySignalsError';
  readonly code = 'TOO_MANY_SIGNALS';
}
