import { StreamingError } from '../cancellation/streaming.error.js';

/** A body that is not JSON. */
export class UnsupportedMediaTypeError extends StreamingError {
  override readonly name = 'UnsupportedMediaTypeError';
  readonly code = 'UNSUPPORTED_MEDIA_TYPE';

  constructor(type: string | undefined) {
    const got = type === undefined ? 'none' : JSON.stringify(type.slice(0, 80));
    super(`Expected the content type application/json, got ${got}`);
  }
}
