import type { RunJournal, Written } from '../log/run-journal.js';
import type { TaskStatus, TerminalStatus } from '../task/task-status.js';
import { encodeEvent, encodeProgress } from './encode-event.js';
import type { TaskRun } from './task-run.js';

/** What a run writes in its journal. Events of its handler may be refused; what the run itself has to say never fails it. */
export class RunEvents {
  readonly #run: TaskRun;
  readonly #journal: RunJournal;
  /** The newest progress, as JSON: each snapshot gets a copy. */
  #progress = 'null';
  #isClosed = false;
  /** Called before each event. */
  onEvent: (() => void) | undefined;

  constructor(run: TaskRun, journal: RunJournal) {
    this.#run = run;
    this.#journal = journal;
  }

  get lastEventId(): string | null {
    return this.#journal.lastEventId;
  }

  get newestProgress(): string {
    return this.#progress;
  }

  /** @throws InvalidEventError for data that cannot be sent, and what the journal throws */
  send(type: string, data: unknown): Written {
    if (this.#isClosed) return undefined;
    const { maxEventBytes } = this.#run.type.options;
    return this.#append(type, encodeEvent(this.#run.key, type, data, maxEventBytes));
  }

  /** @throws InvalidEventError for data that cannot be sent, and what the journal throws */
  progress(value: unknown): Written {
    if (this.#isClosed) return undefined;
    const { maxEventBytes } = this.#run.type.options;
    const { json, snapshot } = encodeProgress(this.#run.key, value, maxEventBytes);
    this.#progress = snapshot ?? this.#progress;
    return this.#append('progress', json);
  }

  /** An event of the run's own: where the journal does not take it, the run goes on without it. */
  tell(type: string, json: string): void {
    try {
      void this.#append(type, json);
    } catch (error) {
      this.#run.report.error(`The event "${type}"`, error);
    }
  }

  mark(status: Exclude<TaskStatus, 'pending' | TerminalStatus>, attempt: number): void {
    this.#journal.mark(status, attempt);
  }

  /** The terminal event; nothing is written after it. */
  end(status: TerminalStatus, json: string): Written {
    this.#isClosed = true;
    try {
      return this.#journal.end(status, json, this.#run);
    } catch (error) {
      this.#run.report.error(`The event "${status}"`, error);
      return undefined;
    }
  }

  #append(type: string, json: string): Written {
    this.onEvent?.();
    return this.#journal.append(type, json);
  }
}
