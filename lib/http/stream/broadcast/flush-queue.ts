// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import { inRootContext } from '../../../cancellation/async-context.js';
import { beginSlice } from '../turn-slice.js';
import { EndQueue, type Ending } from './end-queue.js';

/** Has something to write. */
interface Flushable {
  /**
   * @param isOver whether it has taken long enough for one turn of the event loop
   * @returns whether it is to be queued again
   */
  flush(isOver: () => boolean): boolean;
}

/** Has all broadcasts that have news write, and then responses end: once for each turn of the event loop, and for no more than a slice of it. */
export class FlushQueue {
  readonly #nextTurn: (flush: () => void) => unknown;
  readonly #ends: EndQueue;
  #waiting: Flushable[] = [];
  #scheduled = false;

  /**
   * @param nextTurn calls back in the next turn of the event loop
   */
  constructor(nextTurn: (flush: () => void) => unknown = setImmediate) {
    this.#nextTurn = nextTurn;
    this.#ends = new EndQueue(nextTurn);
  }

  /**
   * @param one comes last; it is not to be in the queue yet
   */
  add(one: Flushable): void {
    this.#waiting.push(one);
    this.#schedule();
  }

  /** Ends responses whose last bytes are out, when all that are queued had their turn. */
  end(endings: readonly Ending[]): void {
    if (this.#ends.add(endings)) this.add(this.#ends);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const isOver = beginSlice();
    let turns = 0;
    try {
      for (const one of this.#waiting) {
        turns++;
        // Last in the queue again, when it has more: none keeps the others waiting. It comes to that in this same turn,
        // if there is time.
        if (one.flush(isOver)) this.#waiting.push(one);
        if (isOver()) break;
      }
    } finally {
      this.#waiting = this.#waiting.slice(turns);
      if (this.#waiting.length > 0) this.#schedule();
    }
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // It writes for all watchers, so it must not run in the async context of the task that sends.
    inRootContext(() => this.#nextTurn(this.#flush));
  }
}
