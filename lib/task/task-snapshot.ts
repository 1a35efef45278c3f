import type { CancelReason } from '../cancellation/cancel-reason.js';
import type { Json } from './json/json.js';
import type { TaskRef } from './task-ref.js';
import type { TaskStatus } from './task-status.js';

/**
 * How far a task is. `percent` and `message` are conventions; add what you need.
 *
 * @publicApi
 */
export interface Progress {
  readonly percent?: number;
  readonly message?: string;
  readonly [key: string]: Json | undefined;
}

/**
 * The state of a task at one moment. Times are ISO strings.
 *
 * @publicApi
 */
export interface TaskSnapshot<Result = Json, State = Json> extends TaskRef {
  readonly status: TaskStatus;
  /** The number of the current or last try, from 1; 0 before the first. */
  readonly attempt: number;
  /** Over HTTP only with an authorizer. */
  readonly owner?: string;
  /** Over HTTP only with an authorizer. */
  readonly metadata?: Json;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** The newest progress. */
  readonly progress: Progress | null;
  /** What the events up to `lastEventId` are folded to, where the task type has a `state`. */
  readonly state?: State;
  /** What the handler of a `completed` task returned. */
  readonly finalValue: Result | null;
  /** The error of a `failed` task. Over HTTP it is what watchers may see of it. */
  readonly error: { readonly message: string; readonly errorType: string } | null;
  /** The reason, if the task is being cancelled or was cancelled. */
  readonly cancellation: CancelReason | null;
  readonly lastEventId: string | null;
  /** The number of watchers. */
  readonly watchers: number;
}
