import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * As many tasks of this type wait for a free place as may wait.
 *
 * @publicApi
 */
export class TooManyTasksError extends StreamingError {
  override readonly name = 'TooManyTasksError';
  readonly code = 'TOO_MANY_TASKS';

  constructor(app: string, name: string, maxPending: number) {
    super(
      `${maxPending} tasks of ${app}/${name} wait already; try again later, or raise maxPending or concurrency`,
    );
  }
}
