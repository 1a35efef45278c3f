import { cutText } from './read-error.js';

/**
 * Why something was cancelled.
 *
 * - `external`: a caller asked for it (`cancelTask`, `DELETE`, the `signal` given to `start`)
 * - `self`: the handler asked for it itself (`task.cancel()`)
 * - `unwatched`: the task had no watcher for `cancelWhenUnwatched`
 * - `timeout`: a time limit passed; `of` says which
 * - `shutdown`: the application is closing
 * - `lost`: another instance owns the task now
 * - `parent`, `sibling`: a scope was cancelled by the one above it, or because its neighbour failed
 *
 * @publicApi
 */
export type CancelKind =
  'external' | 'self' | 'unwatched' | 'timeout' | 'shutdown' | 'lost' | 'parent' | 'sibling';

/**
 * Which time limit passed: the whole run, the time between two events, the wait for a free place, or a scope's own.
 *
 * @publicApi
 */
export type TimeoutOf = 'total' | 'idle' | 'pending' | 'scope';

/**
 * One accepted request to cancel.
 *
 * @publicApi
 */
export interface CancelReason {
  readonly kind: CancelKind;
  /** The text given with the request, at most 500 characters. */
  readonly detail?: string;
  /** Who asked. Never sent to watchers. */
  readonly by?: string;
  /** With kind `timeout`: which limit passed. */
  readonly of?: TimeoutOf;
  /** With kind `timeout`: the limit in milliseconds. */
  readonly timeout?: number;
  /** With kind `parent`: the reason at the top of the tree. */
  readonly root?: CancelReason;
  /** With kind `sibling`: the error of the neighbour that failed. */
  readonly error?: unknown;
}

const WITHDRAWABLE: ReadonlySet<CancelKind> = new Set<CancelKind>(['external', 'self', 'unwatched']);

/** Whether `uncancel()` may take a request of this kind back. */
export function isWithdrawable(reason: CancelReason): boolean {
  return WITHDRAWABLE.has(reason.kind);
}

const MAX_DETAIL_LENGTH = 500;

/** Cuts the text of a request where it may not be longer, and never in the middle of a character. */
export function cutDetail(detail: string): string {
  return cutText(detail, MAX_DETAIL_LENGTH);
}
