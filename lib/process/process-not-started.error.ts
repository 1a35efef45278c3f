import { StreamingError } from '../cancellation/errors/streaming.error.js';

/**
 * A process could not be started; the system's error is the `cause`.
 *
 * @publicApi
 */
export class ProcessNotStartedError extends StreamingError {
  override readonly name = 'ProcessNotStartedError';
  readonly code = 'PROCESS_NOT_STARTED';
  override readonly expose = false;
  /** What should have been run, without its arguments. */
  readonly command: string;

  constructor(command: string, why: string, cause: unknown) {
    super(`Cannot start "${command}": ${why}`, { cause });
    this.command = command;
  }
}
