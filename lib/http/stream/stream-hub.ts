import type { Subscription } from 'rxjs';
import type { TaskRun } from '../../coordinator/run/task-run.js';
import { ChunkReader } from './chunk-reader.js';
import type { FlushQueue } from './flush-queue.js';
import type { StreamConnection } from './stream-connection.js';

/** All connections that watch one run. However many they are, an event wakes the hub once for all of them. */
export class StreamHub {
  readonly chunks = new ChunkReader();
  readonly #connections = new Set<StreamConnection>();
  readonly #queue: FlushQueue;
  readonly #subscription: Subscription;
  /** Where the round of writing stands that was cut short. */
  #round: Iterator<StreamConnection> | undefined;
  #isStale = false;

  constructor(run: TaskRun, queue: FlushQueue) {
    this.#queue = queue;
    this.#subscription = run.log.subscribe(() => this.schedule());
  }

  get size(): number {
    return this.#connections.size;
  }

  add(connection: StreamConnection): void {
    this.#connections.add(connection);
  }

  remove(connection: StreamConnection): void {
    this.#connections.delete(connection);
    if (this.size > 0) return;
    this.#subscription.unsubscribe();
    this.#queue.cancel(this);
  }

  /** Lets the connections write, in this turn. */
  schedule(): void {
    // Those that had their turn in a round that goes on have not seen what is new.
    this.#isStale = true;
    this.#queue.add(this);
  }

  /**
   * Writes to every connection what it has not got.
   *
   * @param isOver whether it has taken long enough for one turn of the event loop
   * @returns whether the round is complete
   */
  flush(isOver: () => boolean): boolean {
    if (!this.#round) {
      this.#round = this.#connections.values();
      this.#isStale = false;
    }
    for (let next = this.#round.next(); !next.done; next = this.#round.next()) {
      next.value.flush();
      if (isOver()) return false;
    }
    this.#round = undefined;
    this.chunks.forget();
    return !this.#isStale;
  }
}
