import type { GapCause } from '../../task/task-event.js';
import { formatEventId } from '../wire/event-id.js';
import type { LogEntry } from '../log-entry.js';
import type { LogReader } from './log-reader.js';

/** A stretch of the log that this watcher will not see. */
export interface LogGap {
  readonly cause: GapCause;
  /** How many events; `null` when that is unknown. */
  readonly missed: number | null;
  /** The position just before what comes next. */
  readonly id: string;
  /** Whether the log is lost: then `id` is the position of the watcher, and the end follows. */
  readonly isGone?: true;
}

/** Where a cursor begins: behind the event `after`, with a gap to tell first when `gap` is set. */
export interface LogPosition {
  readonly after: number;
  readonly gap?: GapCause;
  /** Whether the watcher is told the state first. From where on, is known then. */
  readonly isBeforeState?: true;
}

/** Stands where the state is to be told first. */
const STATE = 'state';

/**
 * One watcher's position in a log. A cursor holds only that number, so a watcher that does not read costs nothing more.
 * Events that were trimmed before they were read show as a gap.
 */
export class LogCursor {
  readonly #log: LogReader;
  #after: number;
  /** What is to be told before any event: one field, as it is read for each of them. */
  #first: GapCause | typeof STATE | undefined;
  /** Where it stood when its log was lost. */
  #lastPosition: number | undefined;

  constructor(log: LogReader, position: LogPosition) {
    this.#log = log;
    this.#after = position.after;
    this.#first = position.isBeforeState ? STATE : position.gap;
  }

  /** Whether `next()` gives something now. An event that is not here yet is fetched, and wakes those who wait for it. */
  get hasNext(): boolean {
    const next = this.#after + 1;
    if (this.#first !== undefined || next < this.#log.firstSeq) return true;
    return next <= this.#log.lastSeq && this.#log.at(next) !== undefined;
  }

  /** The `seq` it goes on behind, whatever comes next. */
  get after(): number {
    return this.#lastPosition ?? this.#after;
  }

  get hasGap(): boolean {
    return this.#first !== undefined && this.#first !== STATE;
  }

  /** Whether its watcher is to be told the state. Until `goOnBehind` it gives nothing else. */
  get isBeforeState(): boolean {
    return this.#first === STATE;
  }

  /** Its watcher is told the state that the events up to `seq` have led to. */
  goOnBehind(seq: number): void {
    this.#first = undefined;
    this.#after = seq;
  }

  /** The event it stands behind; `undefined` where a gap or the state comes first. */
  get position(): number | undefined {
    return this.#first === undefined && this.#after >= this.#log.firstSeq - 1 ? this.#after : undefined;
  }

  /** Whether it stands behind this event, and has nothing to tell first. */
  isBehind(seq: number): boolean {
    return this.#after === seq && this.#first === undefined;
  }

  /** Goes on behind `seq`: what is up to there was read for another cursor at the same place. */
  skipTo(seq: number): void {
    this.#after = seq;
  }

  /** Whether everything was read and nothing will follow. */
  get done(): boolean {
    return this.#log.ended && this.#first === undefined && this.#after === this.#log.lastSeq;
  }

  /** The next thing to tell the watcher; `undefined` when it has seen all there is, or what follows is not here yet. */
  next(): LogEntry | LogGap | undefined {
    const gap = this.nextGap();
    if (gap) return gap;
    const entry = this.#log.at(this.#after + 1);
    if (entry) this.#after = entry.seq;
    return entry;
  }

  nextGap(): LogGap | undefined {
    const start = this.#log.firstSeq - 1;
    const gap = this.#first === STATE ? undefined : this.#first;
    if (gap === undefined && this.#after >= start) return undefined;
    if (this.#log.isGone === true) return this.#lastGap(start);
    const cause = gap ?? 'expired';
    const missed = gap === undefined ? start - this.#after : null;
    this.#first = undefined;
    this.#after = start;
    return { cause, missed, id: formatEventId(this.#log.epoch, start) };
  }

  #lastGap(start: number): LogGap {
    this.#lastPosition = this.#after;
    this.#first = undefined;
    this.#after = start;
    const id = formatEventId(this.#log.epoch, this.#lastPosition);
    const cause = this.#log.isReplaced === true ? 'restarted' : 'unknown-id';
    return { cause, missed: null, id, isGone: true };
  }
}
