// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import { Timer } from '../../cancellation/time/timer.js';
import { beginSlice } from './turn-slice.js';

/** Goes through many connections again and again, a slice of a turn at a time; holds no process. */
export class Sweep<Item> {
  readonly #ms: number;
  readonly #items: () => Iterator<Item>;
  readonly #visit: (item: Item) => void;
  #timer: Timer;
  #rest: Iterator<Item> | undefined;

  /**
   * @param ms time between the beginnings of two rounds, however long
   * @param items begins a round
   */
  constructor(ms: number, items: () => Iterator<Item>, visit: (item: Item) => void) {
    this.#ms = ms;
    this.#items = items;
    this.#visit = visit;
    this.#timer = this.#arm();
  }

  stop(): void {
    this.#timer.clear();
    this.#rest = undefined;
  }

  #arm(): Timer {
    return new Timer(this.#ms, () => {
      this.#timer = this.#arm();
      // One that takes longer than the time between two is not overtaken by the next.
      if (this.#rest) return;
      this.#rest = this.#items();
      this.#go();
    }).unref();
  }

  readonly #go = (): void => {
    const isOver = beginSlice();
    for (let next = this.#rest?.next(); next && !next.done; next = this.#rest?.next()) {
      this.#visit(next.value);
      if (!isOver()) continue;
      setImmediate(this.#go);
      return;
    }
    this.#rest = undefined;
  };
}
