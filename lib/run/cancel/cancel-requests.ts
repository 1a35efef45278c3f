import {
  type CancelKind,
  type CancelReason,
  cutDetail,
  isWithdrawable,
  type TimeoutOf,
} from '../../cancellation/cancel-reason.js';
import type { AcceptedRequest, TaskHistory } from '../task-history.js';
import { textOf } from '../../cancellation/read-error.js';

/** What is said of a request besides its kind. @see CancelReason */
export interface RequestDetails {
  readonly detail?: string | undefined;
  readonly by?: string | undefined;
  readonly of?: TimeoutOf | undefined;
  readonly timeout?: number | undefined;
  /** What the application's own signal was aborted with, where that made the request. */
  readonly cause?: unknown;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const none: readonly CancelReason[] = [];

/** More requests than these change nothing any more: they are accepted, and not kept. */
const MAX_REQUESTS = 1_000;

/** The accepted requests to cancel a run: the first that stands is the reason. */
export class CancelRequests {
  #all: CancelReason[] | undefined;
  /** Made when it is first not the same as all of them: nearly no run withdraws one. */
  #standing: CancelReason[] | undefined;
  /** Of the one that the application's own signal made. */
  #cause: { readonly of: CancelReason; readonly value: unknown } | undefined;

  /** Every one, in order, those that were withdrawn too. */
  get all(): readonly CancelReason[] {
    return this.#all ?? none;
  }

  /** Those that were not withdrawn, earliest first. */
  get standing(): readonly CancelReason[] {
    return this.#standing ?? this.all;
  }

  get any(): boolean {
    return this.standing.length > 0;
  }

  add(kind: CancelKind, { detail, by, of, timeout, cause }: RequestDetails): CancelReason {
    // Field by field: spreads were a tenth of a cancellation.
    const reason: Mutable<CancelReason> = { kind };
    if (by !== undefined) reason.by = by;
    if (of !== undefined) reason.of = of;
    if (timeout !== undefined) reason.timeout = timeout;
    if (detail !== undefined) reason.detail = cutDetail(textOf(detail));
    if (cause !== undefined) this.#cause = { of: reason, value: cause };
    const isKept = this.all.length < MAX_REQUESTS;
    const counts = this.#counts(reason);
    if (isKept !== counts) this.#ownStanding();
    if (isKept) this.#all = pushed(this.#all, reason);
    if (counts) this.#standing?.push(reason);
    return reason;
  }

  /** Those of earlier tries, which were withdrawn, and those that stand. */
  goOnFrom({ withdrawn = [], requests = [] }: Pick<TaskHistory, 'withdrawn' | 'requests'>): void {
    this.addAccepted(withdrawn);
    for (const each of this.all) this.drop(each);
    this.addAccepted(requests);
  }

  /** Those that were accepted elsewhere. */
  addAccepted(requests: readonly AcceptedRequest[]): void {
    for (const { kind, detail, by, of, timeout } of requests) {
      this.add(kind, {
        ...(detail !== undefined && { detail }),
        ...(by !== undefined && { by }),
        ...(of !== undefined && { of }),
        ...(timeout !== undefined && { timeout }),
      });
    }
  }

  /** One no longer counts. */
  drop(reason: CancelReason): void {
    const index = this.standing.indexOf(reason);
    if (index >= 0) this.#ownStanding().splice(index, 1);
  }

  causeOf(reason: CancelReason): unknown {
    return this.#cause?.of === reason ? this.#cause.value : undefined;
  }

  /** The run is over: a cause may hold anything. */
  forgetCause(): void {
    this.#cause = undefined;
  }

  #ownStanding(): CancelReason[] {
    return (this.#standing ??= [...this.all]);
  }

  /** One that cannot be withdrawn always does, the first of its kind. */
  #counts(reason: CancelReason): boolean {
    if (this.standing.length < MAX_REQUESTS) return true;
    return !isWithdrawable(reason) && !this.standing.some(({ kind }) => kind === reason.kind);
  }

  /**
   * Withdraws the newest that can be withdrawn.
   *
   * @returns whether there was one
   */
  withdraw(): boolean {
    const newest = this.standing.findLastIndex(isWithdrawable);
    if (newest >= 0) this.#ownStanding().splice(newest, 1);
    return newest >= 0;
  }
}

/** A literal has room for one, and nearly no run has more. An empty array gets room for 17 with its first. */
function pushed<T>(list: T[] | undefined, value: T): T[] {
  if (!list) return [value];
  list.push(value);
  return list;
}
