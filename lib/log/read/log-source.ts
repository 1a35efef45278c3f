import type { LogReader } from './log-reader.js';

/** What is known of a log that is kept elsewhere, at one moment. */
export interface LogState<StoredRecord = unknown> extends Pick<LogReader, 'firstSeq' | 'lastSeq' | 'ended'> {
  /** The task whose log it is, for those who know what that is. */
  readonly record: StoredRecord;
}

/** An event as it is kept elsewhere. */
export interface StoredEvent {
  readonly seq: number;
  readonly type: string;
  /** Its data as one line. */
  readonly json: string;
  /** When it was sent, in epoch milliseconds. */
  readonly timestamp: number;
}

/** Some events that follow each other, with the state of the log at the moment when they were read. */
export interface LogPage<StoredRecord = unknown> extends LogState<StoredRecord> {
  readonly events: readonly StoredEvent[];
}

/** Events that were written just now, told by who has written them. Nothing else has changed since the event before them. */
export interface LogNews<StoredRecord = unknown> extends Omit<LogState<StoredRecord>, 'ended' | 'record'> {
  /** At least one; the last is number `lastSeq`. */
  readonly events: readonly StoredEvent[];
  /** The task, from what it was before. */
  recordAfter(before: StoredRecord): StoredRecord;
}

/**
 * A log that is kept elsewhere, as it can be asked for. It reports its own failures, where somebody has to know of them:
 * who reads it only tries again.
 */
export interface LogSource<StoredRecord = unknown> {
  readonly epoch: string;
  /**
   * Reads events and state in one step. Never called again before it has settled, unless `signal` was aborted.
   *
   * @param from the seq to begin with. If that was trimmed, the page begins with the oldest event that is kept
   * @param bytes how much is wanted. Of an event that is larger at least that one
   * @param signal aborted when no reader waits for it any more
   * @returns `undefined` where there is no such log any more, `'replaced'` where that of another run of its task is in its place
   */
  read(
    from: number,
    bytes: number,
    signal: AbortSignal,
  ): Promise<LogPage<StoredRecord> | 'replaced' | undefined>;
  /**
   * Calls `listener` when something was written, and whenever it begins to listen, at first or after its connection was lost:
   * what was written before may have been missed. It may call more often. Never throws.
   *
   * @param listener called with the news themselves, where they came along; then nothing else was written before them that it was not
   *   called for
   */
  onNews(listener: (news?: LogNews<StoredRecord>) => void): Disposable;
}
