import { randomInt } from 'node:crypto';

/** Numbers that look random; with `SEED` in the environment those of a run before. */
export class Random {
  readonly seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
  #state = this.seed;

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below this. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  oneOf<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  get title(): string {
    return `(SEED=${this.seed})`;
  }
}
