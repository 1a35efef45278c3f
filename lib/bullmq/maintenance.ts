// Not the globals, nor the coordinator's clock: a test may have replaced these, and leases are counted in real time.
import { clearTimeout, setTimeout } from 'node:timers';
import { inRootContext } from '../cancellation/async-context.js';
import type { StoreConnection } from './redis/connection/store-connection.js';
import type { TaskIndex } from './redis/task-index.js';
import type { TaskQueue } from './task-queue.js';
import type { LeaseTimes, TaskWorker } from './run/task-worker.js';

/** Time between two looks for tasks that are gone, in milliseconds. */
const SWEEP_INTERVAL = 30_000;

interface MaintenanceParts {
  readonly connection: Pick<StoreConnection, 'client'>;
  readonly times: LeaseTimes;
  readonly queues: ReadonlyMap<string, TaskQueue>;
  readonly workers: readonly TaskWorker[];
  readonly index: TaskIndex;
  readonly countWatchers: () => Promise<void>[];
  /** Says again how many handlers may run at once: an empty Redis knows nothing of it. */
  readonly limit: () => Promise<void>[];
  readonly sweepPending: (queue: TaskQueue) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** What an instance does again and again: it renews its leases, and looks for what lost instances have left. */
export class Maintenance {
  readonly #parts: MaintenanceParts;
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
  }

  begin(): void {
    const { times, workers, queues, index, countWatchers, limit, sweepPending, connection } = this.#parts;
    // Leases may be about to run out.
    connection.client.on('ready', this.#renew);
    inRootContext(() => {
      this.#repeat(times.lockDuration / 2, () => this.#renewLocks());
      this.#repeat(times.stalledInterval, () => [
        ...workers.map((worker) => worker.reviveJobs()),
        ...[...queues.values()].map((queue) => sweepPending(queue)),
      ]);
      this.#repeat(times.lockDuration, countWatchers);
      this.#repeat(SWEEP_INTERVAL, () => [index.sweep(), ...limit()]);
    });
  }

  readonly #renew = (): void => {
    void this.#do(() => this.#renewLocks());
  };

  #renewLocks(): Promise<void>[] {
    return this.#parts.workers.map((worker) => worker.renewLocks());
  }

  close(): void {
    this.#isClosed = true;
    this.#parts.connection.client.off('ready', this.#renew);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** One that takes longer than its time is not done twice at once. */
  #repeat(ms: number, body: () => Promise<void>[]): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#do(body).then(() => {
        if (!this.#isClosed) this.#repeat(ms, body);
      });
    }, ms).unref();
    this.#timers.add(timer);
  }

  async #do(body: () => Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(body()))
      if (result.status === 'rejected') this.#parts.onError(result.reason);
  }
}
