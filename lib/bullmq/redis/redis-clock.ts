// Bound now: a test may replace it later.
import { performance } from 'node:perf_hooks';

const monotonic = performance.now.bind(performance);

/** The time of Redis, as far as it is known here, whatever the clock of this machine says. */
export class RedisClock {
  /** From the monotonic clock of this process to that of Redis, in milliseconds: at least this. */
  #least: number | undefined;
  /** At most this. */
  #most: number | undefined;

  /**
   * Asks Redis what time it is.
   *
   * @param ask gives its answer and the epoch milliseconds of Redis that came with it
   */
  async measure<Answer>(ask: () => Promise<[answer: Answer, time: number]>): Promise<Answer> {
    const sent = monotonic();
    const [answer, time] = await ask();
    // It was somewhere between. An answer that took long says little, and does not undo what an earlier one has said.
    const lowest = time - monotonic();
    // Its milliseconds are whole.
    const highest = time + 1 - sent;
    this.#least = Math.min(Math.max(this.#least ?? lowest, lowest), highest);
    this.#most = Math.max(Math.min(this.#most ?? highest, highest), lowest);
    return answer;
  }

  /** In epoch milliseconds, never ahead: what is due by then is due. Before the first answer it is that of this machine. */
  get now(): number {
    return this.#least === undefined ? Date.now() : Math.floor(this.#least + monotonic());
  }

  /** Likewise, never behind: a wait that is counted from then is not too short, whichever instance looks when it is over. */
  get latest(): number {
    return this.#most === undefined ? Date.now() : Math.ceil(this.#most + monotonic());
  }

  /** What the clock of this machine says at a time of Redis. */
  here(time: number): number {
    return Date.now() + time - this.now;
  }
}
