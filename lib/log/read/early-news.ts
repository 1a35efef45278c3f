import type { LogNews } from './log-source.js';

/** News that have to wait, within a bound. */
export class EarlyNews<StoredRecord> {
  readonly #maxLength: number;
  #waiting: LogNews<StoredRecord>[] = [];
  #length = 0;

  /** @param maxLength of all data together, in characters */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** @returns `false` where there is no room: what waited is dropped, too, since something is missing behind it */
  add(news: LogNews<StoredRecord>): boolean {
    for (const { type, json } of news.events) this.#length += type.length + json.length;
    if (this.#length > this.#maxLength) {
      this.take();
      return false;
    }
    this.#waiting.push(news);
    return true;
  }

  take(): readonly LogNews<StoredRecord>[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#length = 0;
    return waiting;
  }
}
