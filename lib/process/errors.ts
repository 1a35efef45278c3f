import { StreamingError } from '../cancellation/errors.js';

/**
 * A process ran and did not end well. Neither its message nor its properties hold the arguments, which may be secret.
 *
 * @publicApi
 */
export class ProcessFailedError extends StreamingError {
  override readonly name = 'ProcessFailedError';
  readonly code = 'PROCESS_FAILED';
  override readonly expose = false;
  /** What was run, without its arguments. */
  readonly command: string;
  /** `null` when it was ended by a signal. */
  readonly exitCode: number | null;
  /** The signal that ended it, when one did. */
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to its standard error, at most 4 096 characters. */
  readonly stderr: string;

  /** @param why instead of how it ended */
  constructor(ended: Pick<ProcessFailedError, 'command' | 'exitCode' | 'signal' | 'stderr'>, why?: string) {
    const { command, exitCode, signal, stderr } = ended;
    const how = signal === null ? `failed with exit code ${exitCode}` : `was ended by ${signal}`;
    const lastLine = stderr
      .trimEnd()
      .split(/\r\n|\n|\r/)
      .at(-1);
    super(`"${command}" ${why ?? how}${lastLine ? `: ${lastLine}` : ''}`);
    this.command = command;
    this.exitCode = exitCode;
    this.signal = signal;
    this.stderr = stderr;
  }
}

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
