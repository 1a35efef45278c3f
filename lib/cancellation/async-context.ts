import { AsyncResource } from 'node:async_hooks';

/** The async context that this module was loaded in: that of no request and no task. */
const root = new AsyncResource('StreamingRoot');

/**
 * Runs `body` in the root async context. A timer or a queue that many tasks or requests share is armed here. Otherwise it
 * would hold the `AsyncLocalStorage` stores of the caller that armed it first, and run its callback for all in that context.
 */
export function inRootContext<T>(body: () => T): T {
  return root.runInAsyncScope(body);
}
