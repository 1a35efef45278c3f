import type { StreamHub } from './stream-hub.js';
import { beginSlice } from '../turn-slice.js';

/** Writes for all hubs that have news: once for each turn of the event loop, and for no more than a slice of it. */
export class FlushQueue {
  #hubs: StreamHub[] = [];
  #scheduled = false;

  /** A hub that is not in it comes last. */
  add(hub: StreamHub): void {
    this.#hubs.push(hub);
    this.#schedule();
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const isOver = beginSlice();
    const hubs = this.#hubs;
    this.#hubs = [];
    let turns = 0;
    for (const hub of hubs) {
      turns++;
      // Last in the queue again, when it could not finish: no hub keeps the others waiting.
      if (hub.flush(isOver)) this.#hubs.push(hub);
      if (isOver()) break;
    }
    if (turns < hubs.length) this.#hubs = [...hubs.slice(turns), ...this.#hubs];
    if (this.#hubs.length > 0) this.#schedule();
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }
}
