import { StreamingError } from '../cancellation/errors.js';

/** A body that is not JSON, or that cannot be read as JSON. */
export class UnsupportedMediaTypeError extends StreamingError {
  override readonly name = 'UnsupportedMediaTypeError';
  readonly code = 'UNSUPPORTED_MEDIA_TYPE';
}
