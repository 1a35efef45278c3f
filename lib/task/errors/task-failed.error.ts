import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * Stands for the error of a handler whose error itself is no longer there: that of a task that ended a while ago, and of
 * which no handle was kept.
 *
 * @publicApi
 */
export class TaskFailedError extends StreamingError {
  override readonly name = 'TaskFailedError';
  readonly code = 'TASK_FAILED';
  override readonly expose = false;
  /** The name of the handler's error. */
  readonly errorType: string;

  /**
   * @param message that of the handler's error
   */
  constructor(message: string, errorType: string) {
    super(message);
    this.errorType = errorType;
  }
}
