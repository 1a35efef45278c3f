import { type CancelReason, isWithdrawable } from '../../cancellation/cancel-reason.js';

const none: readonly CancelReason[] = [];

/** The accepted requests to cancel a run: the first that stands is the reason. */
export class CancelRequests {
  #all = none;
  #standing = none;

  /** Every one, in order, those that were withdrawn too. */
  get all(): readonly CancelReason[] {
    return this.#all;
  }

  /** Those that were not withdrawn, earliest first. */
  get standing(): readonly CancelReason[] {
    return this.#standing;
  }

  get any(): boolean {
    return this.#standing.length > 0;
  }

  add(reason: CancelReason): void {
    this.#all = [...this.#all, reason];
    this.#standing = [...this.#standing, reason];
  }

  /**
   * Withdraws the newest that can be withdrawn.
   *
   * @returns whether there was one
   */
  withdraw(): boolean {
    const newest = this.#standing.findLast(isWithdrawable);
    this.#standing = this.#standing.filter((reason) => reason !== newest);
    return newest !== undefined;
  }
}
