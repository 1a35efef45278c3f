import type { Socket } from 'node:net';
import type { TaskView } from '../../../engine/task-view.js';
import { LogCursor } from '../../../log/log-cursor.js';
import type { BroadcastReader, LogBroadcast } from '../broadcast/log-broadcast.js';
import type { GapWriter } from '../gap-writer.js';
import { type ConnectionInit, StreamConnection } from './stream-connection.js';
import type { WatchedTask } from '../watched-task.js';

/** A stream of one task, by far the most common: it writes chunks that all watchers of the task share. */
export class TaskConnection extends StreamConnection implements BroadcastReader {
  readonly cursor: LogCursor;
  /** Read for every event, so it stands here. */
  socket: Socket | undefined;
  readonly #run: TaskView;
  readonly #broadcast: LogBroadcast;
  readonly #gaps: GapWriter;
  #isCounted = true;

  constructor(init: ConnectionInit, task: WatchedTask, broadcast: LogBroadcast) {
    super(init);
    this.#run = task.run;
    this.#broadcast = broadcast;
    this.#gaps = broadcast.gapsFor(task);
    this.cursor = new LogCursor(task.run.log, task.position);
    task.run.attach();
    broadcast.add(this);
  }

  flush(): boolean {
    this.output.checkSocket();
    if (!this.isOpen || this.isBlocked) return false;
    // The last event and the end of the response leave together.
    return this.#run.log.ended ? this.output.asOneWrite(() => this.#read()) : this.#read();
  }

  #read(): boolean {
    this.#writeNext();
    if (this.isBlocked) return false;
    if (this.cursor.hasNext) return true;
    this.output.flush();
    if (this.cursor.done) this.complete();
    return false;
  }

  #writeNext(): void {
    const { cursor } = this;
    const chunk = this.#broadcast.chunks.at(cursor);
    if (chunk) {
      cursor.skipTo(chunk.to);
      this.output.write(chunk);
    } else {
      const gap = cursor.nextGap();
      if (gap) this.output.write(this.#gaps.chunkOf(gap));
    }
    this.socket = this.output.socket;
  }

  override writeEnd(bytes: Buffer): this | undefined {
    const ending = super.writeEnd(bytes);
    // A client that has its end is no watcher any more.
    if (ending) this.#uncount();
    return ending;
  }

  protected begin(): void {
    this.#broadcast.open(this);
  }

  resume(): void {
    this.#broadcast.resume(this);
  }

  protected detach(): void {
    this.#uncount();
    this.#broadcast.remove(this);
  }

  #uncount(): void {
    if (!this.#isCounted) return;
    this.#isCounted = false;
    this.#run.detach();
  }
}
