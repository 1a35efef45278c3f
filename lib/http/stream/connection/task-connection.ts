import type { Socket } from 'node:net';
import type { TaskRun } from '../../../coordinator/run/task-run.js';
import { LogCursor } from '../../../log/log-cursor.js';
import type { GapWriter } from '../gap-writer.js';
import { type ConnectionInit, StreamConnection } from './stream-connection.js';
import type { HubReader, StreamHub } from '../hub/stream-hub.js';
import type { WatchedTask } from '../watched-task.js';

/** A stream of one task, by far the most common: it writes chunks that all watchers of the task share. */
export class TaskConnection extends StreamConnection implements HubReader {
  readonly #run: TaskRun;
  readonly #hub: StreamHub;
  readonly #cursor: LogCursor;
  readonly #gaps: GapWriter;

  constructor(init: ConnectionInit, task: WatchedTask, hub: StreamHub) {
    super(init);
    this.#run = task.run;
    this.#hub = hub;
    this.#gaps = hub.gapsFor(task);
    this.#cursor = new LogCursor(task.run.log, task.position);
    task.run.attach();
    hub.add(this);
  }

  flush(seq: number): Socket | undefined {
    if (!this.#run.log.ended) return this.#read(seq);
    // The last event and the end of the response leave together.
    return this.output.asOneWrite(() => this.#read(seq));
  }

  #read(seq: number): Socket | undefined {
    while (this.isOpen && !this.isBlocked) {
      const chunk = this.#hub.chunks.read(this.#cursor, this.#gaps, seq);
      if (chunk) {
        this.output.write(chunk);
        continue;
      }
      this.output.flush();
      if (this.#cursor.done) this.complete();
      return this.isOpen && this.#cursor.position === seq ? this.output.socket : undefined;
    }
    return undefined;
  }

  fallBehind(seq: number): void {
    this.#cursor.skipTo(seq);
    this.output.checkSocket();
  }

  protected begin(): void {
    this.#hub.open(this);
  }

  resume(): void {
    this.#hub.resume(this);
  }

  protected detach(): void {
    this.#run.detach();
    this.#hub.remove(this, this.output.socket);
  }
}
