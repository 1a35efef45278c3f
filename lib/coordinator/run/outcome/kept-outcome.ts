import { CancelledError } from '../../../cancellation/cancelled.error.js';
import { TaskFailedError } from '../../../task/errors/task-failed.error.js';
import { TaskTimeoutError } from '../../../task/errors/task-timeout.error.js';
import type { TaskOutcome } from '../../../task/task-outcome.js';
import { type ErrorSummary, fullError, publicError } from '../public-error.js';

/** What is told of a failure: to the application, and to watchers. */
interface Failure {
  readonly full: ErrorSummary;
  readonly shown: ErrorSummary;
}

/**
 * How a run has ended, as long as it is kept. An error may hold a connection or a whole answer, so those of ended tasks are
 * not kept for their own sake: a handle that is still held has the outcome whole, and one that is made later gets the same
 * in words.
 */
export class KeptOutcome {
  /** The result of a completed run, as JSON. */
  readonly json: string | undefined;
  /** Set for a failed run. */
  readonly failure: Failure | undefined;
  readonly #whole: WeakRef<TaskOutcome>;
  readonly #facts: Pick<
    TaskOutcome,
    'status' | 'reason' | 'requests' | 'started' | 'swallowed' | 'abandoned' | 'durationMs'
  >;

  constructor(outcome: TaskOutcome, json: string | undefined) {
    const { status, error, reason, requests, started, swallowed, abandoned, durationMs } = outcome;
    this.json = status === 'completed' ? json : undefined;
    this.failure = status === 'failed' ? { full: fullError(error), shown: publicError(error) } : undefined;
    this.#whole = new WeakRef(outcome);
    this.#facts = { status, requests, started, swallowed, abandoned, durationMs, ...(reason && { reason }) };
  }

  get outcome(): TaskOutcome {
    return this.#whole.deref() ?? this.#rebuilt();
  }

  #rebuilt(): TaskOutcome {
    if (this.json !== undefined) return { ...this.#facts, value: JSON.parse(this.json) as unknown };
    return { ...this.#facts, error: this.#errorAnew() };
  }

  #errorAnew(): Error {
    const { status, reason } = this.#facts;
    if (this.failure) return new TaskFailedError(this.failure.full.message, this.failure.full.errorType);
    const cancellation = reason && new CancelledError(reason);
    if (status !== 'timeout' || !reason) return cancellation as CancelledError;
    return new TaskTimeoutError(reason.of ?? 'total', reason.timeout ?? 0, cancellation);
  }
}
