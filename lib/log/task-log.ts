import { Subject, Subscription } from 'rxjs';
import { clock } from '../cancellation/time/clock.js';
import type { Filled, ReplayLimits } from '../task/options/task-options.js';
import { type TaskRef, taskKey } from '../task/task-ref.js';
import { epochLength, mintEpoch } from './wire/epoch.js';
import { formatEventId } from './wire/event-id.js';
import { type EntryLog, LogEntry } from './log-entry.js';
import type { LogReader } from './read/log-reader.js';
import type { EndingTask, RunJournal } from './run-journal.js';

/** From this many dropped entries on, the array behind the log is cut, once they are half of it. */
const MIN_COMPACTION = 256;

/**
 * The events of one run, append-only and bounded: the oldest go first, the newest always stays. The run writes it, and
 * watchers read it by cursors, each at its own pace; the Subject only says that there is more to read. What is written is
 * seen in the same call.
 */
export class TaskLog implements LogReader, RunJournal, EntryLog {
  readonly epochLength = epochLength;
  // Both made for the first watcher: most tasks of a busy application have none.
  #epoch: string | undefined;
  #wake: Subject<void> | undefined;
  #entries: (LogEntry | undefined)[] = [];
  #head = 0;
  #lastSeq = 0;
  #bytes = 0;
  /** Of the state of its task. The run has that itself. */
  #stateBytes = 0;
  #ended = false;

  /**
   * @param onBytes called with the change before the bytes that are kept change. If it throws, nothing changes: the event is
   *   not taken, and the next one gets the number
   */
  constructor(
    private readonly ref: TaskRef,
    private readonly limits: Filled<ReplayLimits>,
    private readonly onBytes?: (delta: number) => void,
  ) {}

  get epoch(): string {
    return (this.#epoch ??= mintEpoch(taskKey(this.ref)));
  }

  get firstSeq(): number {
    return this.#lastSeq - (this.#entries.length - this.#head) + 1;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get lastEventId(): string | null {
    return this.#lastSeq === 0 ? null : formatEventId(this.epoch, this.#lastSeq);
  }

  get bytes(): number {
    return this.#bytes + this.#stateBytes;
  }

  get ended(): boolean {
    return this.#ended;
  }

  at(seq: number): LogEntry | undefined {
    return this.#entries[this.#head + seq - this.firstSeq];
  }

  /** Adds an event and wakes the watchers. Does nothing once the log has ended. */
  append(type: string, json: string, state?: string): undefined {
    if (this.#ended) return;
    this.#add(type, json, state === undefined ? 0 : Buffer.byteLength(state) - this.#stateBytes);
    this.#wake?.next();
  }

  /** Does nothing: readers in this process see the run itself. */
  mark(): void {}

  /** Adds the last event, and completes the watchers: also when `onBytes` throws, so that none waits for ever. */
  end(type: string, json: string, _task?: EndingTask, state?: string): undefined {
    if (this.#ended) return;
    try {
      this.#add(type, json, state === undefined ? 0 : Buffer.byteLength(state));
    } finally {
      this.#ended = true;
      this.#wake?.next();
      this.#wake?.complete();
      this.#wake = undefined;
    }
  }

  subscribe(wake: () => void): Subscription {
    if (this.#ended) return Subscription.EMPTY;
    return (this.#wake ??= new Subject<void>()).subscribe(wake);
  }

  /**
   * What can fail comes first, so that all of it happens or nothing does.
   *
   * @param stateDelta by how many bytes the state of the task grows
   */
  #add(type: string, json: string, stateDelta: number): void {
    const entry = new LogEntry(this, this.#lastSeq + 1, type, json, clock().epoch());
    const { head, bytes } = this.#trimmedFor(entry);
    this.onBytes?.(bytes - this.#bytes + stateDelta);
    if (stateDelta !== 0) this.#stateBytes += stateDelta;
    this.#entries.push(entry);
    this.#lastSeq = entry.seq;
    this.#bytes = bytes;
    this.#dropTo(head);
  }

  /** Where the log has to begin so that the entry has room, and the bytes it holds then. */
  #trimmedFor(entry: LogEntry): { readonly head: number; readonly bytes: number } {
    let head = this.#head;
    let bytes = this.#bytes + entry.bytes;
    let kept = this.#entries.length - head + 1;
    while (kept > 1 && (kept > this.limits.events || bytes > this.limits.bytes)) {
      bytes -= this.#entries[head++]?.bytes ?? 0;
      kept--;
    }
    return { head, bytes };
  }

  #dropTo(head: number): void {
    while (this.#head < head) this.#entries[this.#head++] = undefined;
    if (this.#head >= MIN_COMPACTION && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
