import type { LogBroadcast } from '../broadcast/log-broadcast.js';
import { type ConnectionInit, StreamConnection } from './stream-connection.js';
import { TaskSubscription, type WatchedTask } from './task-subscription.js';

/** A stream of one task, by far the most common: it writes chunks that all watchers of the task share. */
export class SharedStream extends StreamConnection {
  protected readonly tasks: readonly [TaskSubscription];

  constructor(init: ConnectionInit, task: WatchedTask, broadcast: LogBroadcast) {
    super(init);
    this.tasks = [new TaskSubscription(task, broadcast, this)];
  }

  /** What it replays leaves with the headers. */
  protected begin(): void {
    const [task] = this.tasks;
    task.broadcast.open(task);
  }

  protected writeNext(task: TaskSubscription): void {
    const chunk = task.broadcast.chunks.at(task.cursor);
    if (chunk) {
      task.cursor.skipTo(chunk.to);
      this.output.write(chunk);
    } else {
      const notice = task.nextNotice();
      if (notice) this.writeMessages([notice]);
    }
    task.socket = this.output.socket;
  }
}
