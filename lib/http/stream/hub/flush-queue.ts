import type { StreamHub } from './stream-hub.js';
import { beginSlice } from '../turn-slice.js';

/** Writes for all hubs that have news: once for each turn of the event loop, and for no more than a slice of it. */
export class FlushQueue {
  readonly #hubs = new Set<StreamHub>();
  #scheduled = false;

  add(hub: StreamHub): void {
    this.#hubs.add(hub);
    this.#schedule();
  }

  cancel(hub: StreamHub): void {
    this.#hubs.delete(hub);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const isOver = beginSlice();
    for (const hub of this.#hubs) {
      // Last in the queue again, when it could not finish: no hub keeps the others waiting.
      this.#hubs.delete(hub);
      if (!hub.flush(isOver)) this.#hubs.add(hub);
      if (isOver()) break;
    }
    if (this.#hubs.size > 0) this.#schedule();
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }
}
