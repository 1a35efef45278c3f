import type { CancelReason } from '../cancellation/cancel-reason.js';
import type { Json } from './json.js';
import type { TaskRef } from './task-ref.js';
import type { TaskStatus } from './task-status.js';

/**
 * How far a task is. `percent` and `message` are what the quick start's page shows; the rest is yours.
 *
 * @publicApi
 */
export interface Progress {
  readonly percent?: number;
  readonly message?: string;
  readonly [key: string]: Json | undefined;
}

/**
 * What a task looks like at one moment. Times are ISO strings.
 *
 * @publicApi
 */
export interface TaskSnapshot<Result = Json> extends TaskRef {
  readonly status: TaskStatus;
  /** Which try runs or ran last, from 1; 0 before the first. */
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
  /** What the handler of a `completed` task returned. */
  readonly finalValue: Result | null;
  /** What a `failed` task failed with. Over HTTP what watchers may see of it. */
  readonly error: { readonly message: string; readonly errorType: string } | null;
  /** The reason that stands, of a task that is being cancelled or was. */
  readonly cancellation: CancelReason | null;
  readonly lastEventId: string | null;
  /** How many watch right now. */
  readonly watchers: number;
}
