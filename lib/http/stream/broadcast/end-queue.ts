/** A response whose last bytes are out. */
export interface Ending {
  /** Ends it, as far as this process is concerned. */
  complete(): void;
}

/** So many responses are ended in one turn: what Node and the platform do for each follows in the same turn. */
const endsPerTurn = 100;

/**
 * Does what is left of the end of responses whose last bytes are out. That costs more than to write them, above all on
 * Express, and only a client that uses its connection again at once waits for it. So it comes after all that was to be written
 * when the first of them was added.
 */
export class EndQueue {
  readonly #nextTurn: (callback: () => void) => unknown;
  #endings: Ending[] = [];

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
    // The first ones end in this same turn.
    this.#end();
    return false;
  }

  readonly #end = (): void => {
    const all = this.#endings;
    let ended = 0;
    try {
      while (ended < Math.min(endsPerTurn, all.length)) all[ended++]?.complete();
    } finally {
      this.#endings = all.slice(ended);
      if (this.#endings.length > 0) this.#nextTurn(this.#end);
    }
  };
}
