import type { LogNews, LogPage, LogSource, StoredEvent } from '../../lib/log/read/log-source.js';
import type { TaskLog } from '../../lib/log/task-log.js';
import { settle } from '../../lib/testing/test-clock.js';

/** What a log holds from `from` on, as a source answers. */
export function pageOf(log: TaskLog, from: number, bytes = Infinity): LogPage<string | null> {
  const events: StoredEvent[] = [];
  let room = bytes;
  for (let seq = Math.max(from, log.firstSeq), entry = log.at(seq); entry; entry = log.at(++seq)) {
    if (entry.bytes > room && events.length > 0) break;
    room -= entry.bytes;
    events.push({ seq, type: entry.type, json: entry.json, timestamp: entry.timestamp });
  }
  const { firstSeq, lastSeq, ended, lastEventId } = log;
  return { events, firstSeq, lastSeq, ended, record: lastEventId };
}

/** The newest event of a log, as a source tells it. */
export function newestOf(log: TaskLog): LogNews<string | null> {
  const { firstSeq, lastSeq, lastEventId } = log;
  const { events } = pageOf(log, lastSeq);
  return { firstSeq, lastSeq, events, recordAfter: () => lastEventId };
}

const travels = new Set<Promise<unknown>>();

/** Takes some time, which `untilLogsAreQuiet` waits for. */
export async function takeTime(time: Promise<unknown>): Promise<void> {
  travels.add(time);
  await time;
  travels.delete(time);
}

/** Settles when nothing is on its way to or from where logs are kept, and what followed from it is done. */
export async function untilLogsAreQuiet(): Promise<void> {
  while (travels.size > 0) {
    await Promise.all(travels);
    await settle();
  }
}

/** The way to where logs are kept. All that goes over it takes some time, and it may be lost. */
export class Connection {
  isUp = true;
  readonly #travel: () => Promise<unknown>;
  readonly #listeners = new Set<() => void>();

  /**
   * @param travel settles when a message has come to the other side
   */
  constructor(travel: () => Promise<unknown>) {
    this.#travel = travel;
  }

  /** Settles when a message has come to the other side; rejects where the connection was lost by then. */
  async pass(): Promise<void> {
    await this.#travel();
    if (!this.isUp) throw new Error('The connection was lost');
  }

  lose(): void {
    this.isUp = false;
  }

  restore(): void {
    if (this.isUp) return;
    this.isUp = true;
    for (const listener of this.#listeners) listener();
  }

  onRestore(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }
}

/** A log that is kept elsewhere. While the connection is lost reads fail, and news are missed. */
export class RemoteLog implements LogSource<string | null> {
  /** How often it was read. */
  reads = 0;
  /** How many of these reads failed. */
  failures = 0;
  /** How often it told its listeners of something new. */
  news = 0;
  /** How many listen. */
  listeners = 0;
  /** How many reads were on their way at once, at most; those that nobody waits for are not counted. */
  mostAtOnce = 0;
  readonly #log: TaskLog;
  readonly #connection: Connection;
  readonly #carriesNews: boolean;
  readonly #underWay = new Set<AbortSignal>();

  /** @param carriesNews whether an event comes along with what is told of it */
  constructor(log: TaskLog, connection: Connection, carriesNews = false) {
    this.#log = log;
    this.#connection = connection;
    this.#carriesNews = carriesNews;
  }

  get epoch(): string {
    return this.#log.epoch;
  }

  async read(from: number, bytes: number, signal: AbortSignal): Promise<LogPage<string | null>> {
    this.reads++;
    this.#underWay.add(signal);
    this.mostAtOnce = Math.max(this.mostAtOnce, [...this.#underWay].filter(({ aborted }) => !aborted).length);
    try {
      await this.#connection.pass();
      const page = pageOf(this.#log, from, bytes);
      await this.#connection.pass();
      signal.throwIfAborted();
      return page;
    } catch (error) {
      this.failures++;
      throw error;
    } finally {
      this.#underWay.delete(signal);
    }
  }

  onNews(listener: (news?: LogNews<string | null>) => void): Disposable {
    let isListening = true;
    const tell = async (news?: LogNews<string | null>): Promise<void> => {
      const hasPassed =
        this.#connection.isUp &&
        (await this.#connection.pass().then(
          () => true,
          () => false,
        ));
      if (!hasPassed || !isListening) return;
      this.news++;
      listener(news);
    };
    const written = this.#log.subscribe(
      () => void tell(this.#carriesNews && !this.#log.ended ? newestOf(this.#log) : undefined),
    );
    const restored = this.#connection.onRestore(() => void tell());
    this.listeners++;
    return {
      [Symbol.dispose]: () => {
        isListening = false;
        this.listeners--;
        written.unsubscribe();
        restored[Symbol.dispose]();
      },
    };
  }
}
