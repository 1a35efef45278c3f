/** A response whose last bytes are out. */
export interface Ending {
  /** Ends it, as far as this process is concerned. */
  complete(): void;
}

/** So many responses are ended in one turn: what Node and the platform do for each follows in the same turn. */
const endsPerTurn = 100;

/**
 * Ends responses whose last bytes are out. That costs more than to write them, above all on Express, and no client waits
 * for it. So it comes after all that was to be written when the first of them was added.
 */
export class EndQueue {
  readonly #nextTurn: (callback: () => void) => unknown;
  #endings: Ending[] = [];
  /** The index of the next one. */
  #next = 0;

  /**
   * @param nextTurn calls back in the next turn of the event loop
   */
  constructor(nextTurn: (callback: () => void) => unknown) {
    this.#nextTurn = nextTurn;
  }

  /**
   * @returns whether it is to be flushed
   */
  add(endings: readonly Ending[]): boolean {
    const isFirst = this.#endings.length === 0;
    for (const ending of endings) this.#endings.push(ending);
    return isFirst && endings.length > 0;
  }

  flush(): false {
    // A few end in the turn in which they were written to.
    this.#end();
    return false;
  }

  readonly #end = (): void => {
    const stop = this.#next + endsPerTurn;
    try {
      while (this.#next < Math.min(stop, this.#endings.length)) this.#endings[this.#next++]?.complete();
    } finally {
      if (this.#next < this.#endings.length) this.#nextTurn(this.#end);
      else {
        this.#endings = [];
        this.#next = 0;
      }
    }
  };
}
