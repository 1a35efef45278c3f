import { setImmediate as nextTurn } from 'node:timers/promises';
import { frameLength } from '../../lib/log/wire/event-frame.js';
import { LogCursor } from '../../lib/log/read/log-cursor.js';
import { LogEntry } from '../../lib/log/log-entry.js';
import type { LogNews, LogSource } from '../../lib/log/read/log-source.js';
import { LogWindow, type LogWindowOptions } from '../../lib/log/read/log-window.js';
import { TaskLog } from '../../lib/log/task-log.js';
import { newestOf, pageOf } from './remote-log.js';

const ref = { app: 'test', name: 'task', id: '1' };
/** Of an event as `fill` makes it. */
export const eventBytes = 110;

type HeldAnswer = Awaited<ReturnType<LogSource<string | null>['read']>>;

export interface HeldRead {
  readonly from: number;
  readonly signal: AbortSignal;
  /** Answers with what the log holds now. */
  answer(): Promise<void>;
  answerWith(page: HeldAnswer): Promise<void>;
  fail(): Promise<void>;
}

/** A log that is kept elsewhere, and answers when the test says so. */
export class HeldSource implements LogSource<string | null> {
  readonly log: TaskLog;
  /** All reads, in their order. */
  readonly reads: HeldRead[] = [];
  readonly #listeners = new Set<(news?: LogNews<string | null>) => void>();
  onListen = (): void => {};
  onRead = (): void => {};

  constructor(events = 0, limit = Infinity) {
    this.log = new TaskLog(ref, { events: limit, bytes: Infinity });
    this.fill(events);
  }

  get epoch(): string {
    return this.log.epoch;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  get last(): HeldRead {
    return this.reads.at(-1)!;
  }

  get froms(): number[] {
    return this.reads.map(({ from }) => from);
  }

  read(from: number, bytes: number, signal: AbortSignal): Promise<HeldAnswer> {
    this.onRead();
    return new Promise((resolve, reject) => {
      const answerWith: HeldRead['answerWith'] = async (page) => {
        resolve(page);
        await settled();
      };
      this.reads.push({
        from,
        signal,
        answerWith,
        answer: () => answerWith(pageOf(this.log, from, bytes)),
        fail: async () => {
          reject(new Error('The connection was lost'));
          await settled();
        },
      });
    });
  }

  onNews(listener: (news?: LogNews<string | null>) => void): Disposable {
    this.#listeners.add(listener);
    this.onListen();
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** Adds events of {@link eventBytes} each, and tells nobody. */
  fill(count: number): void {
    for (let n = 0; n < count; n++) {
      const rest = frameLength('part', '""', this.epoch.length, this.log.lastSeq + 1);
      this.log.append('part', `"${'x'.repeat(eventBytes - rest)}"`);
    }
  }

  async tell(): Promise<void> {
    for (const listener of this.#listeners) listener();
    await settled();
  }

  /** Adds an event, and tells of it with the event itself. */
  async tellNext(): Promise<void> {
    this.fill(1);
    for (const listener of this.#listeners) listener(newestOf(this.log));
    await settled();
  }

  /** Answers all reads, and those that follow from them. */
  async answerAll(): Promise<void> {
    for (let index = 0; index < this.reads.length; index++) await this.reads[index]!.answer();
  }
}

/** Long enough for all that follows without another answer. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await nextTurn();
}

export function windowOf(source: HeldSource, options?: LogWindowOptions): LogWindow<string | null> {
  return new LogWindow(source, pageOf(source.log, source.log.lastSeq + 1), options);
}

/** Reads all it can whenever it is woken. */
export class Reader {
  readonly seqs: number[] = [];
  readonly gaps: (number | null)[] = [];
  wakes = 0;
  readonly cursor: LogCursor;
  readonly leave: () => void;

  constructor(log: LogWindow<unknown>, after = 0) {
    this.cursor = new LogCursor(log, { after });
    const subscription = log.subscribe(() => {
      this.wakes++;
      this.read();
    });
    this.leave = () => subscription.unsubscribe();
    this.read();
  }

  read(): void {
    for (let next = this.cursor.next(); next; next = this.cursor.next()) {
      if (next instanceof LogEntry) this.seqs.push(next.seq);
      else this.gaps.push(next.missed);
    }
  }
}
