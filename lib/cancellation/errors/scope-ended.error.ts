import { StreamingError } from './streaming.error.js';

/**
 * Something was asked of a scope or a group that is over.
 *
 * @publicApi
 */
export class ScopeEndedError extends StreamingError {
  override readonly name = 'ScopeEndedError';
  readonly code = 'SCOPE_ENDED';
}
