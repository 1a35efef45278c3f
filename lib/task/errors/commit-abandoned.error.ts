import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * The application closed while the body of `task.commit()` was running, and the body did not end within the grace. It may
 * have taken effect or not.
 *
 * @publicApi
 */
export class CommitAbandonedError extends StreamingError {
  override readonly name = 'CommitAbandonedError';
  readonly code = 'COMMIT_ABANDONED';

  constructor(key: string) {
    super(`Task ${key} was past its point of no return when the application closed, and did not end in time`);
  }
}
