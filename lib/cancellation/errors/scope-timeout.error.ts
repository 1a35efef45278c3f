import type { CancelledError } from './cancelled.error.js';

/**
 * A scope did not end before its own deadline. It is no kind of {@link CancelledError}: the code that set the limit may
 * catch it and go on.
 *
 * @publicApi
 */
export class ScopeTimeoutError extends Error {
  override readonly name = 'ScopeTimeoutError';
  readonly code = 'SCOPE_TIMEOUT';
  readonly of = 'scope';
  /** The limit, in milliseconds. */
  readonly timeout: number;
  override readonly cause: CancelledError | undefined;

  constructor(timeout: number, cause?: CancelledError) {
    super(`The scope did not end within ${timeout} ms`);
    this.timeout = timeout;
    this.cause = cause;
  }
}
