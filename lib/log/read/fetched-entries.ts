import type { LogEntry } from '../log-entry.js';

class Generation {
  readonly entries = new Map<number, LogEntry>();
  /** Those that a reader waits for and has not taken yet. */
  readonly awaited = new Set<number>();
  bytes = 0;

  add(entry: LogEntry): void {
    this.entries.set(entry.seq, entry);
    this.bytes += entry.bytes;
  }

  remove(entry: LogEntry): void {
    this.entries.delete(entry.seq);
    this.bytes -= entry.bytes;
  }
}

/**
 * The entries of a log that were fetched, within a bound. They stand in two generations: new ones join the newer, one that is
 * taken from the older moves there, and the older is dropped as a whole. So what is taken again and again stays.
 */
export class FetchedEntries {
  readonly #generationBytes: number;
  readonly #pageBytes: number;
  #newer = new Generation();
  #older = new Generation();

  /** @param bytes how much may be kept: at least two pages, each of `pageBytes` at most */
  constructor(bytes: number, pageBytes: number) {
    this.#generationBytes = bytes / 2;
    this.#pageBytes = pageBytes;
  }

  get bytes(): number {
    return this.#newer.bytes + this.#older.bytes;
  }

  /** Whether a reader waits for some of them. */
  get isAwaited(): boolean {
    return this.#newer.awaited.size > 0 || this.#older.awaited.size > 0;
  }

  has(seq: number): boolean {
    return this.#newer.entries.has(seq) || this.#older.entries.has(seq);
  }

  take(seq: number): LogEntry | undefined {
    this.#newer.awaited.delete(seq);
    return this.#newer.entries.get(seq) ?? this.#takeOlder(seq);
  }

  #takeOlder(seq: number): LogEntry | undefined {
    const entry = this.#older.entries.get(seq);
    this.#older.awaited.delete(seq);
    // A page may be on its way, and needs its room.
    if (entry && this.#newer.bytes + entry.bytes + this.#pageBytes <= this.#generationBytes) {
      this.#older.remove(entry);
      this.#newer.add(entry);
    }
    return entry;
  }

  /** Drops what has to go before a page can be added. Gives `false` where that is what a reader waits for. */
  makeRoom(): boolean {
    if (this.#newer.bytes + this.#pageBytes <= this.#generationBytes) return true;
    if (this.#older.awaited.size > 0) return false;
    this.dropOlder();
    return true;
  }

  add(entry: LogEntry, isAwaited: boolean): void {
    this.#newer.add(entry);
    if (isAwaited) this.#newer.awaited.add(entry.seq);
  }

  /** Drops the older generation, whoever waits for it, and begins a new one. */
  dropOlder(): void {
    this.#older = this.#newer;
    this.#newer = new Generation();
  }
}
