// Bound now: a test may replace it later.
import { performance } from 'node:perf_hooks';

const monotonic = performance.now.bind(performance);

/** The time of Redis, as far as it is known here: whatever the clock of this machine says, and never ahead. */
export class RedisClock {
  /** From the monotonic clock of this process to that of Redis, in milliseconds. */
  #offset: number | undefined;

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
    const highest = time - sent;
    this.#offset = Math.min(Math.max(this.#offset ?? lowest, lowest), highest);
    return answer;
  }

  /** In epoch milliseconds. Before the first answer it is that of this machine. */
  get now(): number {
    return this.#offset === undefined ? Date.now() : Math.floor(this.#offset + monotonic());
  }

  /** What the clock of this machine says at a time of Redis. */
  here(time: number): number {
    return Date.now() + time - this.now;
  }
}
