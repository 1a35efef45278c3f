import type { GapCause } from '../task/task-event.js';
import { formatEventId } from './event-id.js';
import type { LogEntry } from './log-entry.js';
import type { TaskLog } from './task-log.js';

/** A stretch of the log that this watcher will not see. */
export interface LogGap {
  readonly cause: GapCause;
  /** How many events; `null` when that is unknown. */
  readonly missed: number | null;
  /** The position just before what comes next. */
  readonly id: string;
}

/** Where a cursor begins: behind the event `after`, with a gap to tell first when `gap` is set. */
export interface LogPosition {
  readonly after: number;
  readonly gap?: GapCause;
}

/**
 * One watcher's position in a log. A cursor holds only that number, so a watcher that does not read costs nothing more.
 * Events that were trimmed before they were read show as a gap.
 */
export class LogCursor {
  readonly #log: TaskLog;
  #after: number;
  #gap: GapCause | undefined;

  constructor(log: TaskLog, position: LogPosition) {
    this.#log = log;
    this.#after = position.after;
    this.#gap = position.gap;
  }

  /** Whether there is nothing to read now. */
  get atEnd(): boolean {
    return this.#gap === undefined && this.#after === this.#log.lastSeq;
  }

  /** The `seq` it goes on behind, whatever comes next. */
  get after(): number {
    return this.#after;
  }

  /** Whether the watcher gets a gap first. */
  get hasGap(): boolean {
    return this.#gap !== undefined;
  }

  /** The event it stands behind; `undefined` where a gap comes first. */
  get position(): number | undefined {
    return this.#gap === undefined && this.#after >= this.#log.firstSeq - 1 ? this.#after : undefined;
  }

  /** Goes on behind `seq`: what is up to there was read for another cursor at the same place. */
  skipTo(seq: number): void {
    this.#after = seq;
  }

  /** Whether everything was read and nothing will follow. */
  get done(): boolean {
    return this.#log.ended && this.atEnd;
  }

  /** The next thing to tell the watcher; `undefined` when it has seen all there is. */
  next(): LogEntry | LogGap | undefined {
    const start = this.#log.firstSeq - 1;
    if (this.#gap !== undefined) {
      const cause = this.#gap;
      this.#gap = undefined;
      this.#after = start;
      return { cause, missed: null, id: formatEventId(this.#log.epoch, start) };
    }
    if (this.#after < start) {
      const missed = start - this.#after;
      this.#after = start;
      return {
        cause: 'expired',
        missed,
        id: formatEventId(this.#log.epoch, start),
      };
    }
    const entry = this.#log.at(this.#after + 1);
    if (entry) this.#after = entry.seq;
    return entry;
  }
}
