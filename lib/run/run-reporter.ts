import type { Logger } from '@nestjs/common';
import type { TerminalStatus } from '../task/task-status.js';
import { isInstance } from '../cancellation/read-error.js';
import { CommitAbandonedError } from '../task/errors.js';
import { describeError, describeErrorInLine, oneLine } from './describe-error.js';
import { isShown } from './public-error.js';

/** What a person must see of a run, in the log. A logger that fails must not fail a run. */
export class RunReporter {
  constructor(
    private readonly key: string,
    private readonly logger: Logger,
  ) {}

  /** Code of the application threw where nothing could catch it. */
  error(what: string, error: unknown): void {
    this.#log('error', `${what} of ${this.key}`, describeError(error));
  }

  /** Does what must not fail the run. */
  guard(what: string, body: () => void): void {
    try {
      body();
    } catch (error) {
      this.error(what, error);
    }
  }

  /** An error that was written for watchers is expected, so it is a warning. */
  failed(error: unknown): void {
    const isExpected = isShown(error) && !isInstance(error, CommitAbandonedError);
    if (isExpected) this.#warn(`Task ${this.key} failed: ${describeErrorInLine(error)}`);
    else this.#log('error', `Task ${this.key} failed`, describeError(error));
  }

  retrying(error: unknown, attempt: number, attempts: number, delay: number): void {
    const why = describeErrorInLine(error);
    this.#warn(`Task ${this.key} failed (try ${attempt} of ${attempts}), next try in ${delay} ms: ${why}`);
  }

  wrongBackoff(what: string, delay: number, cause: unknown): void {
    const why = cause === undefined ? '' : `: ${describeErrorInLine(cause)}`;
    this.#warn(`The backoff of ${this.key} ${what}; the next try is in ${delay} ms instead${why}`);
  }

  swallowed(status: TerminalStatus): void {
    this.#warn(
      `Task ${this.key} caught its cancellation and returned; it ends as ${status} (see swallowedCancel)`,
    );
  }

  droppedEvents(listener: string, most: number): void {
    this.#warn(
      `${listener} is slower than the events of ${this.key}: ${most} wait for it, and further ones are dropped`,
    );
  }

  abandoned(isCommitted: boolean): void {
    const why = isCommitted
      ? 'was still past its task.commit() when the time of the shutdown was over, and was abandoned'
      : 'ignored its signal and was abandoned when its grace ended';
    this.#warn(`Task ${this.key} ${why}; what it still does is not seen`);
  }

  abandonedCleanup(): void {
    this.#warn(`Cleanup of ${this.key} was still running when its time was over, and was given up`);
  }

  /** An abandoned handler has come to its end after all. */
  late(how: 'returned' | 'threw'): void {
    this.#log('log', `The abandoned handler of ${this.key} ${how} after the end`);
  }

  lostEnd(status: TerminalStatus): void {
    this.#warn(
      `Task ${this.key} ended as ${status}, and its log had not taken that when the time was over; it may say otherwise`,
    );
  }

  warn(message: string): void {
    this.#warn(`${message} (task ${this.key})`);
  }

  #warn(message: string): void {
    this.#log('warn', message);
  }

  #log(level: 'error' | 'warn' | 'log', message: string, ...rest: string[]): void {
    try {
      this.logger[level](oneLine(message), ...rest);
    } catch {
      // There is no other place to report it.
    }
  }
}
