import type { Subscription } from 'rxjs';
import type { LogEntry } from '../log-entry.js';

/**
 * The events of one run, as whatever reads them sees them. They may be kept elsewhere: then the newest are known by their
 * number before they are here.
 */
export interface LogReader {
  /** Tells this log from every other. */
  readonly epoch: string;
  /** The seq of the oldest event that is kept; one more than `lastSeq` when there is none. */
  readonly firstSeq: number;
  /** The seq of the newest event; 0 when there is none. */
  readonly lastSeq: number;
  /** Whether the newest event is the last there will be. */
  readonly ended: boolean;
  /**
   * Whether it is lost, and its end is not known. Then it has ended behind an event that cannot be read. So each reader is told of a
   * gap, even one that had read all of it. A log of this process is never lost.
   */
  readonly isGone?: boolean;
  /** Whether it is lost because another run of its task has taken its place. */
  readonly isReplaced?: boolean;
  /** Encoded bytes that are kept in this process. */
  readonly bytes: number;
  /**
   * `undefined` for an event that was trimmed, or that is not here yet: then it is fetched. What has come stays for a while:
   * those that wait for it take turns, over several turns of the event loop.
   */
  at(seq: number): LogEntry | undefined;
  /**
   * Calls `wake` whenever there may be more to read: after a new event, at the end, and when events have come that were
   * not here. Never within a call of `at`.
   */
  subscribe(wake: () => void): Subscription;
}
