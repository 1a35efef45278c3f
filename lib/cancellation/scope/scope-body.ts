import type { CancelScope } from './cancel-scope.js';

/**
 * Work that runs in a scope.
 *
 * @publicApi
 */
export type ScopeBody<T> = (scope: CancelScope) => Promise<T>;

/**
 * What `all` resolves to: the result of each body, in their order.
 *
 * @publicApi
 */
export type ResultsOf<Bodies extends readonly ScopeBody<unknown>[]> = {
  -readonly [K in keyof Bodies]: Awaited<ReturnType<Bodies[K]>>;
};

/**
 * A scope whose children run side by side and end together.
 *
 * @publicApi
 */
export interface TaskGroup extends CancelScope {
  /**
   * Runs a child in a scope of its own, from the next microtask on. The group waits for it; its failure cancels the
   * rest of the group.
   *
   * @param body gets the child's scope, which can be cancelled alone
   * @param options `name` tells the child in the group's error
   * @returns what the child returns; not looking at it is never an unhandled rejection
   * @throws `signal.reason` (synchronously) when the group is being cancelled, ScopeEndedError when it has ended
   */
  spawn<T>(body: ScopeBody<T>, options?: { name?: string | undefined }): Promise<T>;
}

/** @throws TypeError for what is no function */
export function assertBody(call: string, body: unknown): void {
  if (typeof body !== 'function') throw new TypeError(`${call}(): expected a function, got ${typeof body}`);
}

/** @throws RangeError for what is neither milliseconds nor `null` */
export function assertLimit(call: string, ms: number | null): void {
  if (ms !== null && (typeof ms !== 'number' || Number.isNaN(ms))) {
    throw new RangeError(`${call}(): expected a number of milliseconds or null, got ${String(ms)}`);
  }
}
