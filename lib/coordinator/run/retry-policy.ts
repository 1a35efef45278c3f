import { backoffDelay, DEFAULT_BACKOFF } from '../../cancellation/time/backoff.js';
import { isUnrecoverable } from '../../cancellation/errors/unrecoverable.error.js';
import type { TaskDefaults } from '../../task/task-options.js';
import type { RunReporter } from './run-reporter.js';

/** When a try that failed is followed by another one. */
export class RetryPolicy {
  readonly #options: Pick<Required<TaskDefaults>, 'attempts' | 'backoff'>;
  readonly #report: RunReporter;
  #hasWarned = false;

  constructor(options: Pick<Required<TaskDefaults>, 'attempts' | 'backoff'>, report: RunReporter) {
    this.#options = options;
    this.#report = report;
  }

  /**
   * @param attempt the number of the try that failed, from 1
   */
  allows(attempt: number, error: unknown): boolean {
    return attempt < this.#options.attempts && !isUnrecoverable(error);
  }

  /** The wait before the next try, in milliseconds. Of a backoff that gives none it warns once. */
  delayAfter(attempt: number): number {
    return backoffDelay(this.#options.backoff, attempt, (what, cause) => {
      if (!this.#hasWarned) this.#report.wrongBackoff(what, DEFAULT_BACKOFF, cause);
      this.#hasWarned = true;
    });
  }
}
