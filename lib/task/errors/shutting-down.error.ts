import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * The application is closing; nothing is started any more.
 *
 * @publicApi
 */
export class ShuttingDownError extends StreamingError {
  override readonly name = 'ShuttingDownError';
  readonly code = 'SHUTTING_DOWN';

  constructor() {
    super('The application is shutting down; start the task again on the next instance');
  }
}
