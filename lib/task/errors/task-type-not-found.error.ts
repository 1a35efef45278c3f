import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * No provider of the application is this task type.
 *
 * @publicApi
 */
export class TaskTypeNotFoundError extends StreamingError {
  override readonly name = 'TaskTypeNotFoundError';
  readonly code = 'TASK_TYPE_NOT_FOUND';

  constructor(what: string) {
    super(
      `There is no task type ${what}: decorate the class with @StreamTask() and list it in a module's providers; types are known once the application is initialised`,
    );
  }
}
