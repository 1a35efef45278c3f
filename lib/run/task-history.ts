import type { CancelReason } from '../cancellation/cancel-reason.js';

/** A request to cancel a task that was accepted elsewhere: what JSON can hold of it. */
export type AcceptedRequest = Pick<CancelReason, 'kind' | 'detail' | 'by' | 'of' | 'timeout'>;

/** What a task has behind it, where a run is not its first, or where the run was registered elsewhere. */
export interface TaskHistory {
  /** How many tries there were. The first one of this run is the next. */
  readonly tries: number;
  /** When the task was registered, in epoch milliseconds. */
  readonly createdAt?: number;
  /** When its handler was first called, in epoch milliseconds. */
  readonly startedAt?: number | null;
  /** How many milliseconds of the total timeout are over. @defaultValue 0 */
  readonly elapsed?: number;
  /** How many milliseconds ago its handler was first called; `undefined` for never. */
  readonly calledFor?: number | undefined;
  /** The newest checkpoint, as JSON. */
  readonly checkpoint?: string | null;
  /** Requests to cancel that were withdrawn. */
  readonly withdrawn?: readonly AcceptedRequest[] | undefined;
  /** Those that stand: then the run ends without calling its handler. */
  readonly requests?: readonly AcceptedRequest[];
}
