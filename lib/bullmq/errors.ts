import { StreamingError } from '../cancellation/errors.js';

/** An event cannot be kept: the store is away, and what waits for it has reached its limit. */
export class LogUnavailableError extends StreamingError {
  override readonly name = 'LogUnavailableError';
  readonly code = 'LOG_UNAVAILABLE';
}

/** The store that all instances share did not answer in time. What was asked of it may have been done. */
export class StoreUnavailableError extends StreamingError {
  override readonly name = 'StoreUnavailableError';
  readonly code = 'STORE_UNAVAILABLE';
}
