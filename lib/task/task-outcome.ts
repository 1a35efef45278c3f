import type { CancelReason } from '../cancellation/cancel-reason.js';
import type { CancelledError } from '../cancellation/errors.js';
import type { TerminalStatus } from './task-status.js';

/**
 * How a task ended.
 *
 * @publicApi
 */
export interface TaskOutcome<Result = unknown> {
  readonly status: TerminalStatus;
  /** What the handler of a `completed` task returned, as JSON holds it. */
  readonly value?: Result;
  /** What `result` rejects with, if the task did not complete. */
  readonly error?: unknown;
  /** The request that stood when the outcome was decided. */
  readonly reason?: CancelReason;
  /** Every accepted request to cancel, in order, including withdrawn ones. */
  readonly requests: readonly CancelReason[];
  /** Whether the handler ever began. */
  readonly started: boolean;
  /** Whether the handler was cancelled and returned normally. */
  readonly swallowed: boolean;
  /** What the handler returned, if that is not the result. */
  readonly discardedValue?: unknown;
  /** Whether the handler or its cleanup was still running when its time was up. */
  readonly abandoned: boolean;
  /** The cancellation, if the task was cancelled and then `failed`. */
  readonly cancellation?: CancelledError;
  /** From the first call of the handler to the end; 0 when it never began. */
  readonly durationMs: number;
}

/** What is kept of an outcome besides its value or its error. */
export type OutcomeFacts = Pick<
  TaskOutcome,
  'status' | 'reason' | 'requests' | 'started' | 'swallowed' | 'abandoned' | 'durationMs'
>;
