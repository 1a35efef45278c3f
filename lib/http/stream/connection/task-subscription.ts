import type { TaskView } from '../../../engine/task-view.js';
import { lostPosition } from '../../../log/composite-id.js';
import { LogCursor } from '../../../log/log-cursor.js';
import { LogEntry } from '../../../log/log-entry.js';
import { formatEventId } from '../../../log/event-id.js';
import type { BroadcastReader, LogBroadcast } from '../broadcast/log-broadcast.js';
import type { StreamMessage } from './stream-message.js';
import type { GapWriter } from '../gap-writer.js';
import type { WatchedTask } from '../watched-task.js';

/** Reads what subscriptions give. */
export interface FeedReader {
  /** Whether it waits for its client. */
  readonly isBlocked: boolean;
  /**
   * Reads a chunk of it, if there is one.
   *
   * @returns whether it can take another one now
   */
  read(feed: TaskSubscription): boolean;
}

/** One task as a connection reads it that writes no shared chunks: event by event. */
export class TaskSubscription implements BroadcastReader {
  readonly run: TaskView;
  readonly cursor: LogCursor;
  /** Nothing that it reads can be shared. */
  readonly socket = undefined;
  readonly #broadcast: LogBroadcast;
  readonly #reader: FeedReader;
  readonly #gaps: GapWriter;

  constructor(task: WatchedTask, broadcast: LogBroadcast, reader: FeedReader) {
    this.run = task.run;
    this.cursor = new LogCursor(task.run.log, task.position);
    this.#gaps = broadcast.gapsFor(task);
    this.#broadcast = broadcast;
    this.#reader = reader;
    task.run.attach();
    broadcast.add(this);
  }

  /** Whether everything was read and nothing will follow. */
  get done(): boolean {
    return this.cursor.done;
  }

  get isBlocked(): boolean {
    return this.#reader.isBlocked;
  }

  /** The id that a client has to send to go on here. */
  get id(): string {
    return this.cursor.hasGap ? lostPosition : formatEventId(this.run.log.epoch, this.cursor.after);
  }

  next(): StreamMessage | undefined {
    const next = this.cursor.next();
    if (!next) return undefined;
    // Read once: what is encoded by now has to be decoded.
    if (next instanceof LogEntry) return { type: next.type, json: next.json, id: next.id };
    return { type: 'gap', json: this.#gaps.jsonOf(next), id: next.id };
  }

  flush(): boolean {
    return this.#reader.read(this);
  }

  schedule(): void {
    this.#broadcast.schedule();
  }

  resume(): void {
    this.#broadcast.resume(this);
  }

  close(): void {
    this.run.detach();
    this.#broadcast.remove(this);
  }
}
