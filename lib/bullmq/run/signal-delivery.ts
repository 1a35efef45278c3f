import type { TaskRun } from '../../run/task-run.js';
import type { TaskLease } from '../redis/journal-run.js';
import type { RedisTasks } from '../redis/redis-tasks.js';

/** Brings the signals of a task from Redis to its run. */
export class SignalDelivery {
  readonly #tasks: RedisTasks;
  readonly #lease: TaskLease;
  readonly #run: TaskRun;
  readonly #isLost: () => boolean;
  /** Signals that the handler has, or that wait for it here. */
  readonly #delivered = new Set<string>();
  /** Those that are in Redis no longer: the next read finds none of them. */
  readonly #dropped: string[] = [];
  #isFetching = false;
  #hasMore = false;

  constructor(tasks: RedisTasks, lease: TaskLease, run: TaskRun, isLost: () => boolean) {
    this.#tasks = tasks;
    this.#lease = lease;
    this.#run = run;
    this.#isLost = isLost;
  }

  /** There may be some. Never rejects. */
  async fetch(): Promise<void> {
    this.#hasMore = true;
    if (this.#isFetching) return;
    this.#isFetching = true;
    while (this.#hasMore && !this.#run.decided) {
      this.#hasMore = false;
      await this.#deliver().catch((error: unknown) => this.#run.report.error('The signals', error));
    }
    this.#isFetching = false;
  }

  async #deliver(): Promise<void> {
    for (const id of this.#dropped.splice(0)) this.#delivered.delete(id);
    for (const { id, name, json } of await this.#tasks.signals(this.#lease.keys)) {
      if (this.#delivered.has(id) || this.#run.decided || this.#isLost()) continue;
      this.#delivered.add(id);
      // There is room: what waits here still waits in Redis, within the same limits.
      this.#run.inbox.send(name, json, () => this.#onTaken(id));
    }
  }

  #onTaken(id: string): void {
    this.#tasks.dropSignals(this.#lease, [id]).then(
      () => this.#dropped.push(id),
      () => {},
    );
  }
}
