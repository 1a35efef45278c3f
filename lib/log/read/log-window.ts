// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import { Subject, type Subscription } from 'rxjs';
import { inRootContext } from '../../cancellation/async-context.js';
import { Timer } from '../../cancellation/time/timer.js';
import { FetchedEntries } from './fetched-entries.js';
import { type EntryLog, LogEntry } from '../log-entry.js';
import type { LogReader } from './log-reader.js';
import { EarlyNews } from './early-news.js';
import type { KeptWindow, WindowBudget } from './window-budget.js';
import type { LogNews, LogPage, LogSource, LogState, StoredEvent } from './log-source.js';

/** How much of a log is in this process at once. */
export interface LogWindowOptions {
  /** Encoded bytes that are kept, at least two pages. Default 1 MiB. */
  readonly bytes?: number;
  /** Encoded bytes that are read at once; one event may be larger. Default 64 KiB. */
  readonly pageBytes?: number;
  /** Of all windows together. */
  readonly budget?: WindowBudget | undefined;
}

/** Stands among the events that are wanted for those that were written since: wherever the log ends by then. */
const NEWS = 'news';

/** So many turns of the event loop a read waits for readers to take what has come for them, where it needs the room. */
const MAX_TURNS = 50;

/** What no reader has asked for as long, or for twice as long, is dropped. In milliseconds. */
const KEEP_TIME = 500;

/** The wait after so many failures in a row, in milliseconds. */
function retryDelay(failures: number): number {
  return Math.min(50 * 2 ** (failures - 1), 1_000);
}

/**
 * Reads a log that is kept elsewhere, for all that watch it here. One read is on its way at a time. Each begins where the
 * reader is that has waited longest, so none starves, and those at the same place share what comes. Nothing is read or kept
 * while no client watches.
 */
export class LogWindow<StoredRecord = unknown> implements LogReader, EntryLog, KeptWindow {
  readonly #bytes: number;
  readonly #pageBytes: number;
  readonly #budget: WindowBudget | undefined;
  /** Made with the first watcher. Most logs have none. */
  #kept: FetchedEntries | undefined;
  readonly #wake = new Subject<void>();
  #state: LogState<StoredRecord>;
  #isGone = false;
  #isReplaced = false;
  #watchers = 0;
  #listening: Disposable | undefined;
  /** What is to be read, in this order: events until they have come. */
  readonly #wanted = new Set<number | typeof NEWS>();
  #reading: AbortController | undefined;
  /** What came while a read was on its way: that may know of it, or not. */
  readonly #early: EarlyNews<StoredRecord>;
  #failures = 0;
  #retry: Timer | undefined;
  #drop: Timer | undefined;
  #isScheduled = false;
  /** How many turns the next read has waited for room. */
  #turns = 0;

  constructor(
    private readonly source: LogSource<StoredRecord>,
    state: LogState<StoredRecord>,
    { bytes = 1024 * 1024, pageBytes = 64 * 1024, budget }: LogWindowOptions = {},
  ) {
    // Alone: what it is read from may hold a page of events.
    const { firstSeq, lastSeq, ended, record } = state;
    this.#state = { firstSeq, lastSeq, ended, record };
    this.#bytes = bytes;
    this.#pageBytes = pageBytes;
    this.#budget = budget;
    this.#early = new EarlyNews(pageBytes);
  }

  get epoch(): string {
    return this.source.epoch;
  }

  get epochLength(): number {
    return this.source.epoch.length;
  }

  get firstSeq(): number {
    return this.#state.firstSeq;
  }

  get lastSeq(): number {
    return this.#state.lastSeq;
  }

  get ended(): boolean {
    return this.#state.ended;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  get bytes(): number {
    return this.#kept?.bytes ?? 0;
  }

  get isAwaited(): boolean {
    return this.#kept?.isAwaited ?? false;
  }

  drop(): void {
    this.#kept = undefined;
    this.#budget?.onChange(this);
  }

  get #fetched(): FetchedEntries {
    return (this.#kept ??= new FetchedEntries(this.#bytes, this.#pageBytes));
  }

  /** As it was when `lastSeq` was the newest event. */
  get record(): StoredRecord {
    return this.#state.record;
  }

  at(seq: number): LogEntry | undefined {
    if (seq < this.firstSeq || seq > this.lastSeq) return undefined;
    const entry = this.#kept?.take(seq);
    if (!entry) this.#want(seq);
    return entry;
  }

  subscribe(wake: () => void): Subscription {
    const subscription = this.#wake.subscribe(wake);
    subscription.add(() => {
      if (--this.#watchers === 0) this.#stop();
    });
    if (++this.#watchers === 1 && !this.ended) this.#listen();
    return subscription;
  }

  /** Takes what another look at the task has shown, unless that is older than what is known. */
  update(state: LogState<StoredRecord>): void {
    this.#accept(state);
    this.#wake.next();
  }

  /** Before the first read: nothing that is written falls between them. */
  #listen(): void {
    this.#listening = inRootContext(() => this.source.onNews((news) => this.#onNews(news)));
    this.#want(NEWS);
  }

  #onNews(news: LogNews<StoredRecord> | undefined): void {
    // The connection may be back: it costs no more to look than it does while nothing fails.
    this.#endPause();
    if (news && this.#reading) {
      if (this.#early.add(news)) return;
    } else if (news && this.#takeNews(news)) {
      inRootContext(() => this.#wake.next());
      // What waited for the end of the pause.
      if (this.#wanted.size > 0) this.#readSoon();
      return;
    }
    this.#want(NEWS);
  }

  /** @returns `false` where it has to be read: something is missing before it, or there is no room */
  #takeNews(news: LogNews<StoredRecord>): boolean {
    const { firstSeq, lastSeq, events } = news;
    const [first] = events;
    if (this.ended) return true;
    if (!first || first.seq > this.lastSeq + 1 || !this.#fetched.makeRoom()) return false;
    if (lastSeq > this.lastSeq)
      this.#accept({ firstSeq, lastSeq, ended: false, record: news.recordAfter(this.record) });
    this.#add(events);
    return true;
  }

  #takeEarlyNews(): void {
    for (const news of this.#early.take()) {
      if (this.#takeNews(news)) continue;
      this.#wanted.add(NEWS);
      return;
    }
  }

  #stopListening(): void {
    this.#listening?.[Symbol.dispose]();
    this.#listening = undefined;
  }

  #stop(): void {
    this.#stopListening();
    this.#reading?.abort();
    this.#reading = undefined;
    this.#endPause();
    this.#drop?.clear();
    this.#drop = undefined;
    this.#failures = 0;
    this.#early.take();
    this.#wanted.clear();
    this.drop();
  }

  #endPause(): void {
    this.#retry?.clear();
    this.#retry = undefined;
  }

  #want(what: number | typeof NEWS): void {
    if (this.#watchers === 0) return;
    this.#wanted.add(what);
    this.#readSoon();
  }

  /** In the next turn: until then all that are woken say what they need, or take what has come. */
  #readSoon(): void {
    if (this.#isScheduled || this.#reading || this.#retry) return;
    this.#isScheduled = true;
    inRootContext(() => setImmediate(this.#readNext));
  }

  readonly #readNext = (): void => {
    this.#isScheduled = false;
    const want = this.#nextWanted();
    if (want === undefined) return;
    if (!this.#fetched.makeRoom()) {
      if (++this.#turns < MAX_TURNS) {
        this.#readSoon();
        return;
      }
      // Those for whom it came wait for their clients.
      this.#fetched.dropOlder();
    }
    this.#turns = 0;
    void this.#read(want);
  };

  #nextWanted(): number | typeof NEWS | undefined {
    for (const want of this.#wanted) {
      if (want === NEWS || want >= this.firstSeq) return want;
      // It was trimmed, and its readers know.
      this.#wanted.delete(want);
    }
    return undefined;
  }

  async #read(want: number | typeof NEWS): Promise<void> {
    const reading = new AbortController();
    this.#reading = reading;
    // The state comes with every page: those who follow live ask for what it shows.
    const hasNews = this.#wanted.delete(NEWS);
    try {
      const from = want === NEWS ? this.lastSeq + 1 : want;
      const page = await this.source.read(from, this.#pageBytes, reading.signal);
      if (this.#reading !== reading) return;
      // Of a replica that is behind, say. Asked for at once, it would be asked for again and again.
      if (typeof page === 'object' && want !== NEWS && page.lastSeq < want)
        throw new Error(`${this.epoch} has no ${want} yet`);
      this.#take(page, from);
      this.#failures = 0;
    } catch {
      if (this.#reading !== reading) return;
      if (this.#early.take().length > 0 || hasNews) this.#wanted.add(NEWS);
      this.#retry = new Timer(retryDelay(++this.#failures), () => {
        this.#retry = undefined;
        this.#readNext();
      }).unref();
    }
    this.#reading = undefined;
    if (this.#wanted.size > 0) this.#readSoon();
  }

  #take(page: LogPage<StoredRecord> | 'replaced' | undefined, from: number): void {
    if (typeof page === 'object') {
      const first = Math.max(from, page.firstSeq);
      // Asked for at once, it would be asked for again and again.
      if (first <= page.lastSeq && page.events[0]?.seq !== first)
        throw new Error(`${this.epoch} has no ${first}`);
      this.#accept(page);
      this.#add(page.events);
    } else {
      this.#isReplaced = page === 'replaced';
      this.#lose();
    }
    this.#takeEarlyNews();
    this.#wake.next();
  }

  /** There is no such log any more. If it had ended, its time is over. */
  #lose(): void {
    if (this.#isGone) return;
    const { ended, lastSeq, record } = this.#state;
    const end = ended ? lastSeq : lastSeq + 1;
    this.#accept({ firstSeq: end + 1, lastSeq: end, ended: true, record });
    this.#isGone = !ended;
  }

  /** An older state changes nothing. */
  #accept({ firstSeq, lastSeq, ended, record }: LogState<StoredRecord>): void {
    if (this.#isGone) return;
    const known = this.#state;
    if (lastSeq < known.lastSeq || (known.ended && !ended)) return;
    this.#state = { firstSeq: Math.max(firstSeq, known.firstSeq), lastSeq, ended, record };
    if (ended) this.#stopListening();
  }

  /** Keeps as much as was asked for, should the page hold more. */
  #add(events: readonly StoredEvent[]): void {
    let room = this.#pageBytes;
    for (const { seq, type, json, timestamp } of events) {
      if (this.#fetched.has(seq)) continue;
      const entry = new LogEntry(this, seq, type, json, timestamp);
      if (entry.bytes > room && room < this.#pageBytes) break;
      room -= entry.bytes;
      this.#fetched.add(entry, this.#wanted.delete(seq));
    }
    this.#budget?.onChange(this);
    this.#dropLater();
  }

  #dropLater(): void {
    if (this.#fetched.bytes === 0) return;
    this.#drop ??= new Timer(KEEP_TIME, () => {
      this.#drop = undefined;
      this.#fetched.dropOlder();
      this.#budget?.onChange(this);
      this.#dropLater();
    }).unref();
  }
}
