import { Timer } from '../../cancellation/time/timer.js';
import type { Flush, FlushQueue } from './broadcast/flush-queue.js';
import type { StreamConnection } from './connection/stream-connection.js';

/** Goes through all connections again and again, in turn with what else the queue holds; holds no process. */
export class Sweep {
  #timer: Timer;
  #rest: Iterator<StreamConnection> | undefined;

  /**
   * @param ms time between the beginnings of two rounds, however long
   * @param connections begins a round
   */
  constructor(
    private readonly ms: number,
    private readonly connections: () => Iterator<StreamConnection>,
    private readonly visit: (connection: StreamConnection) => void,
    private readonly queue: FlushQueue,
  ) {
    this.#timer = this.#arm();
  }

  stop(): void {
    this.#timer.clear();
    this.#rest = undefined;
  }

  #arm(): Timer {
    return new Timer(this.ms, () => {
      this.#timer = this.#arm();
      // One that takes longer than the time between two is not overtaken by the next.
      if (this.#rest) return;
      this.#rest = this.connections();
      this.queue.add(this.#flush);
    }).unref();
  }

  readonly #flush: Flush = (isOver) => {
    for (let next = this.#rest?.next(); next && !next.done; next = this.#rest?.next()) {
      this.visit(next.value);
      if (isOver()) return true;
    }
    this.#rest = undefined;
    return false;
  };
}
