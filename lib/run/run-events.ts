import type { CancelReason } from '../cancellation/cancel-reason.js';
import { readProperty, textOf } from '../cancellation/read-error.js';
import type { DecideAnswer, RunJournal, TryEnd, Written } from '../log/run-journal.js';
import { InvalidEventError, type InvalidStateError } from '../task/errors.js';
import { toJson } from '../task/json/json.js';
import { type NotJsonError, toWholeJson } from '../task/json/whole-json.js';
import type { TaskStatus, TerminalStatus } from '../task/task-status.js';
import { cancellingEventData } from './outcome/terminal-event.js';
import { StateFold } from './state-fold.js';
import type { TaskRun } from './task-run.js';

/** What a run writes in its journal. Events of its handler may be refused; what the run itself has to say never fails it. */
export class RunEvents {
  /** The newest progress, as JSON: each snapshot gets a copy. */
  #progress = 'null';
  #isClosed = false;
  /** The newest checkpoint, as JSON: each try gets a copy. */
  checkpoint: string | undefined;
  /** Where the type has a `state`. */
  readonly fold: StateFold | undefined;
  /** Called before each event. */
  onEvent: (() => void) | undefined;

  constructor(
    private readonly run: TaskRun,
    private readonly journal: RunJournal,
    state?: string | null,
  ) {
    const { state: fold, maxEventBytes } = run.type.options;
    this.fold = fold && new StateFold(run.key, fold, maxEventBytes, state);
  }

  get lastEventId(): string | null {
    return this.journal.lastEventId;
  }

  get newestProgress(): string {
    return this.#progress;
  }

  /** @throws InvalidEventError for data that cannot be sent, and what the journal throws */
  send(type: string, data: unknown): Written {
    if (this.#isClosed) return undefined;
    return this.#append(type, this.#encode(type, data));
  }

  /**
   * As `send`. A number is `{ percent }`. A text stands in the snapshot as `{ message }`, anything else only if it is an
   * object.
   */
  progress(value: unknown): Written {
    if (this.#isClosed) return undefined;
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new InvalidEventError(`progress(): expected a number or an object, got ${value}`);
    }
    const data = typeof value === 'number' ? { percent: value } : value;
    const json = this.#encode('progress', data);
    if (typeof data === 'string') this.#progress = toJson({ message: data });
    else if (typeof data === 'object' && data !== null) this.#progress = json;
    return this.#append('progress', json);
  }

  /** An event of the run's own: where the journal does not take it, the run goes on without it. */
  tell(type: string, json: string): void {
    try {
      void this.#append(type, json);
    } catch (error) {
      this.run.report.error(`The event "${type}"`, error);
    }
  }

  /** That a cancellation was accepted, if its type announces that. */
  tellCancelling(reason: CancelReason): void {
    if (this.run.type.options.announceCancelling) this.tell('cancelling', cancellingEventData(reason));
  }

  /**
   * Keeps data for the later tries.
   *
   * @throws InvalidEventError for data that cannot be kept, and what the journal throws; then nothing has changed
   */
  saveCheckpoint(data: unknown): Written {
    if (this.#isClosed) return undefined;
    const json = this.#encodeCheckpoint(data);
    const written = this.journal.saveCheckpoint?.(json);
    this.checkpoint = json;
    return written;
  }

  mark(status: Exclude<TaskStatus, 'pending' | TerminalStatus>, attempt: number): void {
    this.journal.mark(status, attempt);
  }

  /** @see RunJournal.isFollowed */
  isFollowed(end: TryEnd): boolean {
    return this.journal.isFollowed?.(end) ?? false;
  }

  /** @see RunJournal.decide */
  decide(end: TryEnd | undefined): Promise<DecideAnswer> | undefined {
    return this.journal.decide?.(end);
  }

  /**
   * Folds the terminal event, which is about to be written. It may be another one later, where the journal has the run decide again.
   *
   * @returns why the task fails instead
   */
  foldEnd(status: TerminalStatus, json: string): InvalidStateError | undefined {
    const { fold } = this;
    if (!fold) return undefined;
    const state = fold.after(status, json);
    fold.ended = typeof state === 'string' ? state : fold.json;
    if (typeof state !== 'string') return (fold.failure ??= state);
    return undefined;
  }

  /**
   * Folds an event that the journal writes itself, as the last of this run.
   *
   * @returns the state behind it, where that is another than before; `undefined` where it cannot be folded, so that the task fails
   */
  foldOwn(type: string, json: string): { readonly state?: string } | undefined {
    const { fold } = this;
    if (!fold) return {};
    const state = fold.after(type, json);
    if (typeof state === 'string') return state === fold.json ? {} : { state };
    fold.failure = state;
    return undefined;
  }

  /** The state behind the terminal event, as JSON, where that is another than before. */
  get endState(): string | undefined {
    return this.fold && this.fold.newest !== this.fold.json ? this.fold.newest : undefined;
  }

  /** The terminal event; nothing is written after it. */
  end(status: TerminalStatus, json: string): Written {
    this.#isClosed = true;
    this.checkpoint = undefined;
    try {
      return this.journal.end(status, json, this.run, this.endState);
    } catch (error) {
      this.run.report.error(`The event "${status}"`, error);
      return undefined;
    }
  }

  #encode(type: string, data: unknown): string {
    const { key, type: taskType } = this.run;
    const { maxEventBytes } = taskType.options;
    let json: string;
    try {
      json = toJson(data);
    } catch (cause) {
      const why = textOf(readProperty(cause, 'message') ?? cause);
      throw new InvalidEventError(`The data of event "${type}" of ${key} cannot be sent: ${why}`, { cause });
    }
    const bytes = Buffer.byteLength(json);
    if (bytes <= maxEventBytes) return json;
    throw new InvalidEventError(
      `The data of event "${type}" of ${key} has ${bytes} bytes, more than the ${maxEventBytes} of maxEventBytes`,
    );
  }

  /** What is kept has to come back whole. */
  #encodeCheckpoint(data: unknown): string {
    const { key, type } = this.run;
    const { maxEventBytes } = type.options;
    let json: string;
    try {
      json = toWholeJson(data);
    } catch (cause) {
      throw new InvalidEventError(
        `The checkpoint of ${key} cannot be saved: ${(cause as NotJsonError).description}`,
        {
          cause,
        },
      );
    }
    const bytes = Buffer.byteLength(json);
    if (bytes <= maxEventBytes) return json;
    throw new InvalidEventError(
      `The checkpoint of ${key} has ${bytes} bytes, more than the ${maxEventBytes} of maxEventBytes; store it elsewhere and save where`,
    );
  }

  #append(type: string, json: string): Written {
    this.onEvent?.();
    return this.fold ? this.#fold(this.fold, type, json) : this.journal.append(type, json);
  }

  /** The state goes with its event, so that a reader never sees one without the other. An event that cannot be folded is written all the same. */
  #fold(fold: StateFold, type: string, json: string): Written {
    const before = fold.json;
    const next = fold.after(type, json);
    if (typeof next !== 'string') {
      const written = this.journal.append(type, json);
      fold.failure = next;
      this.run.fail();
      return written;
    }
    // Who sees the event in this call may send the next one.
    fold.json = next;
    try {
      return this.journal.append(type, json, next === before ? undefined : next);
    } catch (error) {
      fold.json = before;
      throw error;
    }
  }
}
