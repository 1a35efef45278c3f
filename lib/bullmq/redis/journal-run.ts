import type { CancelReason } from '../../cancellation/cancel-reason.js';
import type { DecidedEnd, TryEnd } from '../../log/run-journal.js';
import type { StoredRequest } from './stored-request.js';
import type { TaskKeys } from './task-keys.js';

/** What a claim has given: the right to write a task. */
export interface TaskLease {
  readonly keys: TaskKeys;
  readonly epoch: string;
  readonly token: string;
  readonly lastSeq: number;
  readonly attempt: number;
  /** How many requests to cancel it was handed with the claim. */
  readonly seenRequests: number;
}

/** A task that goes on later, in place of the end of its run. */
export interface Release {
  /** The last event of this owner, and the state behind it, as JSON, where that is another than before. */
  readonly event: { readonly type: string; readonly json: string; readonly state?: string | undefined };
  /** In how many milliseconds the next try may begin. */
  readonly delay: number;
  /** Whether the try costs none of the attempts. */
  readonly isFree: boolean;
}

/** The run behind a journal. None of it throws. */
export interface JournalRun {
  /** The newest progress, as JSON. */
  readonly progress: string;
  /** The reason that stands, if it is being cancelled. */
  readonly cancellation: CancelReason | undefined;
  /** @returns what else the outcome of its task will say, as JSON */
  factsOf(ending: DecidedEnd | undefined): string;
  /** Whether it is cancelled only to go on elsewhere: then its task stays `running`. */
  readonly isHandedOver: boolean;
  /**
   * Somebody has asked to cancel the task, here or elsewhere.
   *
   * @returns whether the run could act on it. If its outcome stands, it hears of the requests again in `decideAgain`
   */
  onRequests(requests: readonly StoredRequest[]): boolean;
  /** Another instance owns the task now. The journal is deaf by then. */
  onLost(): void;
  /** Redis does not take what is written. It is written again until it does. */
  onFailure(error: unknown): void;
  /** Whether another try follows such an end, so that a cancel is still in time. */
  goesOn(end: TryEnd): boolean;
  /** What is written in place of its end, where the task goes on. */
  insteadOf(ending: DecidedEnd): Release | undefined;
  /** The same with the state behind its event; `undefined` where that cannot be folded: then the run fails. */
  folded(release: Release): Release | undefined;
  /**
   * The task was asked to be cancelled before its end, or its release, was written, or it fails in place of its release. `onRequests` is not
   * called for these.
   *
   * @returns what the task ends as
   */
  decideAgain(ending: DecidedEnd, requests: readonly StoredRequest[]): DecidedEnd;
}
