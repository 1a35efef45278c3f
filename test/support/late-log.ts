import { Subscription } from 'rxjs';
import { TaskLog } from '../../lib/log/task-log.js';

/** How many events come at once. */
const pageLength = 3;

/**
 * A log that is written here and read as if it were elsewhere: an event is not here until it was asked for and has come.
 */
export class LateLog extends TaskLog {
  /** How often an event was asked for that was not here. */
  misses = 0;
  /** Whether what has come stays. Otherwise it is gone when other events come. */
  keeps = false;
  /** Set to have what was asked for come by itself. */
  later: ((come: () => void) => unknown) | undefined;
  readonly #here = new Set<number>();
  readonly #wanted = new Set<number>();
  readonly #wakes = new Set<{ readonly wake: () => void }>();

  override at(seq: number): ReturnType<TaskLog['at']> {
    if (seq < this.firstSeq || seq > this.lastSeq) return undefined;
    if (this.#here.has(seq)) return super.at(seq);
    this.misses++;
    if (this.#wanted.size === 0) this.later?.(() => this.come());
    this.#wanted.add(seq);
    return undefined;
  }

  override subscribe(wake: () => void): Subscription {
    const subscriber = { wake };
    this.#wakes.add(subscriber);
    const subscription = new Subscription(() => this.#wakes.delete(subscriber));
    subscription.add(super.subscribe(wake));
    return subscription;
  }

  /** Whether this event was asked for and has not come. */
  isWanted(seq: number): boolean {
    return this.#wanted.has(seq);
  }

  /**
   * What was asked for is here.
   *
   * @returns whether anything was
   */
  come(): boolean {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    if (wanted.length === 0) return false;
    if (!this.keeps) this.#here.clear();
    for (const seq of wanted) {
      for (let n = seq; n < seq + pageLength && n <= this.lastSeq; n++) this.#here.add(n);
    }
    for (const { wake } of this.#wakes) wake();
    return true;
  }
}
