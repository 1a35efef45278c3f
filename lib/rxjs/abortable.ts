import { AsyncLocalStorage } from 'node:async_hooks';
import { type MonoTypeOperatorFunction, Observable } from 'rxjs';
import type { CancelScope } from '../cancellation/scope/cancel-scope.js';

/**
 * Lets a source emit until a signal aborts. Then the source is unsubscribed, and the subscriber gets `signal.reason` as
 * the error. `takeUntil` would complete the subscriber instead. A task that waits for the last value would then end
 * `completed` after half of the values.
 *
 * If the signal is aborted already, the source is not subscribed to. At the end no listener stays on the signal. The
 * error and the teardown of the source run in the async context of the subscription, not in that of the `cancel()`.
 *
 * @param by a task, any scope, or a signal; the signal of a scope is taken at each subscription
 * @throws TypeError when it is none of these
 * @see https://rxjs.dev/api/operators/takeUntil
 * @example
 * async process(task: TaskContext) {
 *   return lastValueFrom(this.prices.pipe(abortable(task), take(100)));
 * }
 * @publicApi
 */
export function abortable<T>(by: AbortSignal | CancelScope): MonoTypeOperatorFunction<T> {
  assertAbortable(by);
  return (source) =>
    new Observable((subscriber) => {
      const signal = 'signal' in by ? by.signal : by;
      const fail = AsyncLocalStorage.bind(() => subscriber.error(signal.reason));
      if (signal.aborted) {
        fail();
        return;
      }
      signal.addEventListener('abort', fail, { once: true });
      subscriber.add(() => signal.removeEventListener('abort', fail));
      // The subscriber itself: a source that emits in a loop during its subscription has to see that it is closed.
      source.subscribe(subscriber);
    });
}

function assertAbortable(by: unknown): void {
  if (typeof by === 'object' && by !== null && ('signal' in by || 'aborted' in by)) return;
  throw new TypeError(
    `abortable(): expected a scope or an AbortSignal, got ${by === null ? 'null' : typeof by}`,
  );
}
