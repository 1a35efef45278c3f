import type { LogNews, LogPage, LogSource, StoredEvent } from '../../log/read/log-source.js';
import type { RedisNews } from './redis-news.js';
import { read } from './scripts/read.js';
import type { StoreConnection } from './connection/store-connection.js';
import { type StoredTask, storedTask } from './stored-task.js';
import type { TaskKeys } from './task-keys.js';

type ReadReply = [task: (string | null)[], events: [id: string, fields: string[]][]] | null;

/** The log of a task in Redis. */
export class RedisLogSource implements LogSource<StoredTask> {
  readonly epoch: string;
  readonly #connection: StoreConnection;
  readonly #news: RedisNews;
  readonly #keys: TaskKeys;

  constructor(connection: StoreConnection, news: RedisNews, keys: TaskKeys, epoch: string) {
    this.epoch = epoch;
    this.#connection = connection;
    this.#news = news;
    this.#keys = keys;
  }

  async read(
    from: number,
    bytes: number,
    signal: AbortSignal,
  ): Promise<LogPage<StoredTask> | 'replaced' | undefined> {
    signal.throwIfAborted();
    const page = await readTask(this.#connection, this.#keys, from, bytes);
    return page && page.record.epoch !== this.epoch ? 'replaced' : page;
  }

  onNews(listener: (news?: LogNews<StoredTask>) => void): Disposable {
    return this.#news.onTask(this.#keys.news, (message = '') =>
      listener(message === '' ? undefined : newsOf(message, this.epoch)),
    );
  }
}

/**
 * Reads what `tellEvents` in a script has published. Of another run, or in the form of another version, it tells only that there is
 * something.
 */
function newsOf(message: string, epoch: string): LogNews<StoredTask> | undefined {
  const [head = '', progress, state, ...lines] = message.split('\n');
  const [ofRun, first, last, time, headLines] = head.split(' ');
  if (ofRun !== epoch || headLines !== '3') return undefined;
  const [firstSeq, lastSeq, timestamp] = [Number(first), Number(last), Number(time)];
  const events: StoredEvent[] = [];
  let seq = lastSeq - lines.length / 2;
  for (let at = 0; at < lines.length; at += 2)
    events.push({ seq: ++seq, type: lines[at] ?? '', json: lines[at + 1] ?? '', timestamp });
  const changed = { firstSeq, lastSeq, ...(progress !== '' && { progress }), ...(state !== '' && { state }) };
  return { firstSeq, lastSeq, events, recordAfter: (before) => ({ ...before, ...changed }) };
}

/**
 * Reads a task, and a page of its log in the same step.
 *
 * @param bytes of events; 0 for none
 */
export async function readTask(
  connection: StoreConnection,
  keys: TaskKeys,
  from: number,
  bytes: number,
): Promise<LogPage<StoredTask> | undefined> {
  const reply = (await connection.ask(read, keys, [from, bytes])) as ReadReply;
  if (!reply) return undefined;
  const record = storedTask(reply[0]);
  return {
    firstSeq: record.firstSeq,
    lastSeq: record.lastSeq,
    ended: record.endedAt !== null,
    record,
    events: reply[1].map(storedEvent),
  };
}

/** The fields of an event are written in one order, and read in it. */
function storedEvent([id, [, type = '', , json = '', , timestamp]]: [string, string[]]): StoredEvent {
  return { seq: Number.parseInt(id, 10), type, json, timestamp: Number(timestamp) };
}
