import { clock } from '../../cancellation/time/clock.js';
import { CancelledError } from '../../cancellation/errors.js';
import { isInstance } from '../../cancellation/read-error.js';
import { TaskFailedError, TaskTimeoutError } from '../../task/errors.js';
import type { OutcomeFacts, TaskOutcome } from '../../task/task-outcome.js';
import type { TerminalStatus } from '../../task/task-status.js';
import type { ErrorSummary } from '../../task/task-record.js';
import { fullError, publicError } from '../public-error.js';

/** A failure as the application sees it, and as watchers do. */
interface Failure {
  readonly full: ErrorSummary;
  readonly shown: ErrorSummary;
}

/**
 * How a run has ended, as long as it is kept. An error may hold a connection or a whole response, so it is held weakly. A
 * handle that is still held has the whole outcome. One that is made later gets an error with the same name and message.
 */
export class KeptOutcome {
  /** In epoch milliseconds. */
  readonly endedAt: number = clock().epoch();
  readonly status: TerminalStatus;
  /** The result of a completed run, as JSON. */
  readonly json: string | undefined;
  /** Set for a failed run. */
  readonly failure: Failure | undefined;
  /** Held itself where nothing of it is the application's; not at all of a completed run, whose value is there as JSON. */
  readonly #whole: TaskOutcome | WeakRef<TaskOutcome> | undefined;
  readonly facts: OutcomeFacts;

  constructor(outcome: TaskOutcome, json: string | undefined) {
    const { status, error, reason, requests, started, swallowed, abandoned, durationMs } = outcome;
    this.status = status;
    this.json = status === 'completed' ? json : undefined;
    this.failure = status === 'failed' ? { full: fullError(error), shown: publicError(error) } : undefined;
    if (isPlainCancellation(outcome)) {
      // A WeakRef is a tenth of what a cancellation costs.
      this.#whole = this.facts = outcome;
      return;
    }
    this.#whole = this.json === undefined ? new WeakRef(outcome) : undefined;
    this.facts = { status, requests, started, swallowed, abandoned, durationMs, ...(reason && { reason }) };
  }

  get outcome(): TaskOutcome {
    const whole = this.#whole instanceof WeakRef ? this.#whole.deref() : this.#whole;
    return whole ?? this.#rebuilt();
  }

  #rebuilt(): TaskOutcome {
    if (this.json !== undefined) return { ...this.facts, value: JSON.parse(this.json) as unknown };
    return { ...this.facts, error: this.#errorAnew() };
  }

  #errorAnew(): Error {
    const { status, reason } = this.facts;
    if (this.failure) return new TaskFailedError(this.failure.full.message, this.failure.full.errorType);
    const cancellation = reason && new CancelledError(reason);
    if (status !== 'timeout' || !reason) return cancellation as CancelledError;
    return new TaskTimeoutError(reason.of ?? 'total', reason.timeout ?? 0, cancellation);
  }
}

/** `name`, `code` and `reason`. */
const OWN_KEYS = Object.keys(new CancelledError({ kind: 'external' })).length;

/**
 * Nothing in it is the application's: what its signal was aborted with, what its handler returned, or what it has put on the
 * error.
 */
function isPlainCancellation(outcome: TaskOutcome): boolean {
  const { status, error } = outcome;
  if (status !== 'cancelled' || 'discardedValue' in outcome || !isInstance(error, CancelledError))
    return false;
  return error.cause === undefined && Object.keys(error).length === OWN_KEYS;
}
