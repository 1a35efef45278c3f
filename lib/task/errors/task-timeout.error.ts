import type { CancelledError } from '../../cancellation/errors/cancelled.error.js';
import type { TimeoutOf } from '../../cancellation/cancel-reason.js';

const LIMITS: Record<TimeoutOf, string> = {
  total: 'did not end',
  idle: 'sent no event',
  pending: 'got no free place',
  scope: 'did not end',
};

/**
 * A task passed one of its time limits. It is no kind of `CancelledError`.
 *
 * @publicApi
 */
export class TaskTimeoutError extends Error {
  override readonly name = 'TaskTimeoutError';
  readonly code = 'TASK_TIMEOUT';
  /** Which limit. */
  readonly of: TimeoutOf;
  /** The limit, in milliseconds. */
  readonly timeout: number;
  override readonly cause: CancelledError | undefined;

  constructor(of: TimeoutOf, timeout: number, cause?: CancelledError) {
    super(`The task ${LIMITS[of]} within ${timeout} ms`);
    this.of = of;
    this.timeout = timeout;
    this.cause = cause;
  }
}
