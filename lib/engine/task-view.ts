import type { Soon } from './soon.js';
import type { LogCursor } from '../log/read/log-cursor.js';
import type { LogReader } from '../log/read/log-reader.js';
import type { TaskOutcome } from '../task/task-outcome.js';
import type { TaskRecord } from '../task/task-record.js';
import type { TaskRef } from '../task/task-ref.js';
import type { TaskStatus } from '../task/task-status.js';

export interface CancelRequest {
  readonly detail?: string | undefined;
  readonly by?: string | undefined;
  /** In milliseconds. */
  readonly grace?: number | undefined;
}

/**
 * What becomes of a request to cancel. `decided`: the run has not ended, but how it ends stands already, so the request
 * comes too late. `ended`: it has ended. Of the other two the request was accepted.
 */
export type CancelAnswer = 'cancelling' | 'cancelled' | 'decided' | 'ended';

/** The state of a task, and what it stands for. */
export interface FoldedState {
  readonly json: string;
  /** It is what all events up to this seq are folded to: all but a terminal one. */
  readonly seq: number;
}

/**
 * One run of a task as this process sees it, wherever it runs. While anything holds or watches it, there is one view of a
 * run in a process, so it can be counted by.
 */
export interface TaskView {
  readonly ref: TaskRef;
  readonly owner: string | undefined;
  /** The size of its input as JSON, where it is known: measured before it was started. */
  readonly inputBytes?: number | undefined;
  readonly status: TaskStatus;
  readonly log: LogReader;
  /** As it is now, or was when it was last heard of. It is the reader's own: nothing of the run changes with it. */
  readonly record: TaskRecord;
  /** Where its type folds its events. */
  readonly folded?: FoldedState | undefined;
  /** Set where the run goes on, though this process ends: on another instance. */
  readonly isLeft?: boolean;
  /** Asks for its newest state, where that is kept elsewhere. */
  reload?(): Promise<void>;
  /**
   * Its outcome may be asked for, as long as somebody keeps the view. Set where that is heard of elsewhere, so that nothing is done for those
   * who do not ask.
   */
  hold?(): void;
  /** How it ended, once it has. Never rejects. */
  readonly outcome: Promise<TaskOutcome>;
  /**
   * Counts a watcher, until it detaches: each once.
   *
   * @param reader set for a subscriber of this process: `outcome` settles behind the end that it sees
   */
  attach(reader?: LogCursor): void;
  detach(reader?: LogCursor): void;
  /** Requests a cancellation of this run, and of no later one with its id. */
  requestCancel(request: CancelRequest): Soon<CancelAnswer>;
  /**
   * Gives the run an input for its `waitForSignal(name)`.
   *
   * @param json its data as one line
   * @returns whether it was taken: the run had not ended
   * @throws TooManySignalsError
   */
  signal(name: string, json: string): Soon<boolean>;
}
