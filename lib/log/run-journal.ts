import type { OutcomeFacts } from '../task/task-outcome.js';
import type { TaskRecord } from '../task/task-record.js';
import type { TerminalStatus } from '../task/task-status.js';

/**
 * `undefined`: it was done in this call. A promise: it is on its way, in the order of the calls, and settles when it is
 * done. It never rejects.
 */
export type Written = Promise<void> | undefined;

/**
 * `refused`: somebody has asked to cancel the task before, and the run was told of it in the meantime. `lost`: the task has another owner
 * now, and the run was told.
 */
export type DecideAnswer = 'taken' | 'refused' | 'lost';

/** How a try ends, as far as it is known. */
export interface TryEnd {
  readonly status: TerminalStatus;
  readonly error?: unknown;
  readonly abandoned?: boolean;
}

/** The end of a run, as it is written. */
export interface DecidedEnd {
  readonly type: TerminalStatus;
  /** Data of the event, as one line. */
  readonly json: string;
  /** What the task looks like then. */
  readonly record: TaskRecord;
  /** What else those who wait for it are told. */
  readonly facts?: OutcomeFacts | undefined;
  /** The state behind the event, as JSON; `undefined` where it is that before. */
  readonly state?: string | undefined;
}

/** The task that ends. Within the call of `end` it looks as it will when the end is taken. */
export interface EndingTask {
  readonly record: TaskRecord;
  readonly end?: { readonly facts: OutcomeFacts } | undefined;
}

/**
 * What one run writes, and the run alone. It reads nothing back. Whether it still owns its task is the journal's business:
 * one that has lost its task drops what it is given, and returns as if it had been written.
 */
export interface RunJournal {
  /** `null` when there is no event. */
  readonly lastEventId: string | null;
  /**
   * Adds an event.
   *
   * @param json its data as one line
   * @param state the state behind it, as JSON, where that is another than before: whoever sees the event sees it
   * @throws what keeps the event from being taken; then it has no number, and the next one gets it
   */
  append(type: string, json: string, state?: string): Written;
  /** Notes what a run is doing where no event says so. Never throws. */
  mark(status: 'running' | 'cancelling', attempt: number): void;
  /**
   * Keeps data for the later tries of the task, in place of what an earlier call kept. It is there before what is written
   * afterwards. A journal without it leaves that to the run.
   *
   * @param json one line
   * @throws what keeps it from being taken; then nothing has changed
   */
  saveCheckpoint?(json: string): Written;
  /**
   * Notes that how the run ends stands, though its end is not written yet: from then on a cancel comes too late. Called before the run
   * calls cleanup, and before the handler passes its point of no return. Where somebody may cancel the task without the run, the journal
   * knows better than the run who was first; one without `decide` leaves it to the run.
   *
   * @param end how it ends; `undefined` at the point of no return
   * @returns `undefined` where it stands at once
   */
  decide?(end: TryEnd | undefined): Promise<DecideAnswer> | undefined;
  /** Whether another try follows such an end, on whichever instance: then `end` writes that, and no terminal event. */
  isFollowed?(end: TryEnd): boolean;
  /**
   * Adds the last event. It is called once, and nothing is written afterwards. Until it is done, the task has not ended for
   * anybody who looks.
   *
   * @param state as that of `append`. The one before it is kept, too
   * @throws what keeps the event from being taken; the task has ended all the same
   */
  end(type: TerminalStatus, json: string, task: EndingTask, state?: string): Written;
}
