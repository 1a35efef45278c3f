/** How long the last events may take to arrive, in milliseconds. */
const arrivalTimeout = 20_000;

/** How many events each watcher has got. */
export class Tally {
  /** @readonly */
  #counts;
  #total = 0;
  #expected = Infinity;
  #tick = Infinity;
  #tickAt = Infinity;
  /** @type {{ tick: () => void, end: () => void } | undefined} */
  #receipts;
  /** @type {{ resolve: () => void, reject: (error: Error) => void } | undefined} */
  #waiting;
  /** @type {Error | undefined} */
  #fault;

  /** @param {number} watchers */
  constructor(watchers) {
    this.#counts = new Uint32Array(watchers);
  }

  /**
   * Tells whenever so many events more have come for each, on average: what the others are behind, one may be ahead.
   *
   * @param {number} events
   * @param {{ tick: () => void, end: () => void }} receipts
   */
  tellEach(events, receipts) {
    this.#tick = events * this.#counts.length;
    this.#tickAt = this.#total + this.#tick;
    this.#receipts = receipts;
  }

  /**
   * @param {number} watcher
   * @param {number} events
   */
  add(watcher, events) {
    this.#counts[watcher] += events;
    this.#total += events;
    while (this.#total >= this.#tickAt) {
      this.#tickAt += this.#tick;
      this.#receipts?.tick();
    }
    if (this.#total >= this.#expected) this.#waiting?.resolve();
  }

  /**
   * Its connection is gone.
   *
   * @param {number} watcher
   */
  lose(watcher) {
    this.#fault = new Error(`Watcher ${watcher} was disconnected after ${this.#counts[watcher]} events`);
    this.#waiting?.reject(this.#fault);
    this.#receipts?.end();
  }

  /**
   * Waits until every watcher has got so many events, and not one more.
   *
   * @param {number} each
   * @returns {Promise<number>} how many that are in all
   */
  async reaches(each) {
    this.#expected = each * this.#counts.length;
    if (this.#fault) throw this.#fault;
    if (this.#total < this.#expected) await this.#arrival();
    this.#expected = Infinity;
    const wrong = this.#counts.findIndex((got) => got !== each);
    if (wrong >= 0)
      throw new Error(`Watcher ${wrong} has got ${this.#counts[wrong]} events instead of ${each}`);
    return this.#total;
  }

  /** @returns {Promise<void>} */
  #arrival() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const missing = `only ${this.#total} of ${this.#expected} events have come`;
        reject(new Error(`Within ${arrivalTimeout} ms ${missing}`));
      }, arrivalTimeout);
      this.#waiting = {
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject,
      };
    });
  }
}
