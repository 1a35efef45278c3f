import { type MonoTypeOperatorFunction, Observable } from 'rxjs';
import type { CancelScope } from '../cancellation/cancel-scope.js';

/**
 * Lets a source emit until a signal aborts. Then it is unsubscribed, and what is behind it fails with `signal.reason`.
 * `takeUntil` would complete it instead: whoever waits for the last value could not tell half of the values from all
 * of them, and the task would end `completed`.
 *
 * With a signal that is aborted already, the source is not subscribed to at all. After the end, whichever it is, no
 * listener is left on the signal.
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
      const fail = (): void => subscriber.error(signal.reason);
      if (signal.aborted) {
        fail();
        return;
      }
      signal.addEventListener('abort', fail, { once: true });
      subscriber.add(() => signal.removeEventListener('abort', fail));
      // The subscriber itself, so that a source which emits in a loop while it is subscribed to sees that it is closed.
      source.subscribe(subscriber);
    });
}

function assertAbortable(by: unknown): void {
  if (typeof by === 'object' && by !== null && ('signal' in by || 'aborted' in by)) return;
  throw new TypeError(
    `abortable(): expected a scope or an AbortSignal, got ${by === null ? 'null' : typeof by}`,
  );
}
