import type { CancelReason } from '../cancellation/cancel-reason.js';
import { clock } from '../cancellation/time/clock.js';
import type { TaskRun } from './task-run.js';

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
  /** What the events so far are folded to, as JSON. */
  readonly state?: string | null;
  /** Requests to cancel that were withdrawn. */
  readonly withdrawn?: readonly AcceptedRequest[] | undefined;
  /** Those that stand: then the run ends without calling its handler. */
  readonly requests?: readonly AcceptedRequest[];
}

/** Has a new run go on where the task is. Its events have the state already. */
export function goOnFrom(run: TaskRun, history: TaskHistory): void {
  const { tries, createdAt, startedAt = null, elapsed, calledFor, checkpoint } = history;
  run.attempt = tries;
  run.createdAt = createdAt ?? run.createdAt;
  run.startedAt = startedAt;
  if (elapsed !== undefined) run.time.elapsed = elapsed;
  if (checkpoint) run.events.checkpoint = checkpoint;
  if (calledFor !== undefined) run.calledAt = clock().now() - calledFor;
  run.requests.goOnFrom(history);
}
