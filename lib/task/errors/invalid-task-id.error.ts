import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * A part of a task's reference is malformed.
 *
 * @publicApi
 */
export class InvalidTaskIdError extends StreamingError {
  override readonly name = 'InvalidTaskIdError';
  readonly code = 'INVALID_TASK_ID';

  constructor(part: 'app' | 'name' | 'id', value: unknown, longest: number) {
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 128)) : typeof value;
    super(
      `Invalid task ${part} ${shown}: use 1 to ${longest} of A-Z a-z 0-9 . _ ~ - and neither "." nor ".."`,
    );
  }
}
