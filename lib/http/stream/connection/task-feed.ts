import type { TaskRun } from '../../../coordinator/run/task-run.js';
import { lostPosition } from '../../../log/composite-id.js';
import { LogCursor } from '../../../log/log-cursor.js';
import { LogEntry } from '../../../log/log-entry.js';
import { formatEventId } from '../../../log/event-id.js';
import type { StreamMessage } from './stream-message.js';
import type { GapWriter } from '../gap-writer.js';
import type { HubReader, StreamHub } from '../hub/stream-hub.js';
import type { WatchedTask } from '../watched-task.js';

/** One task as a connection reads it that writes no shared chunks: event by event. */
export class TaskFeed implements HubReader {
  readonly run: TaskRun;
  readonly #cursor: LogCursor;
  readonly #hub: StreamHub;
  readonly #onNews: (feed: TaskFeed) => void;
  readonly #gaps: GapWriter;

  /**
   * @param onNews called when there may be something to read
   */
  constructor(task: WatchedTask, hub: StreamHub, onNews: (feed: TaskFeed) => void) {
    this.run = task.run;
    this.#cursor = new LogCursor(task.run.log, task.position);
    this.#gaps = hub.gapsFor(task);
    this.#hub = hub;
    this.#onNews = onNews;
    task.run.attach();
    hub.add(this);
  }

  /** Whether everything was read and nothing will follow. */
  get done(): boolean {
    return this.#cursor.done;
  }

  /** What a client would have to send to go on here. */
  get id(): string {
    return this.#cursor.hasGap ? lostPosition : formatEventId(this.run.log.epoch, this.#cursor.after);
  }

  next(): StreamMessage | undefined {
    const next = this.#cursor.next();
    if (!next || next instanceof LogEntry) return next;
    return { type: 'gap', json: this.#gaps.jsonOf(next), id: next.id };
  }

  flush(): undefined {
    this.#onNews(this);
  }

  /** It is never in step: nothing it reads can be shared. */
  fallBehind(): void {}

  schedule(): void {
    this.#hub.schedule();
  }

  resume(): void {
    this.#hub.resume(this);
  }

  close(): void {
    this.run.detach();
    this.#hub.remove(this, undefined);
  }
}
