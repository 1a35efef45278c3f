import type { CancelledError } from '../errors.js';
import type { CancelScope } from './cancel-scope.js';

/**
 * Calls back once when a scope is cancelled; at once when it already is. A cancellation that another callback has taken
 * back by then is none: it waits for the next.
 *
 * @param callback gets what the scope throws
 * @returns dispose of it to no longer be called
 */
export function whenCancelled(scope: CancelScope, callback: (error: CancelledError) => void): Disposable {
  let registration: Disposable;
  const follow = (): void => {
    registration = scope.onCancel(() => {
      const { cancellation } = scope.node;
      if (cancellation) callback(cancellation);
      else follow();
    });
  };
  follow();
  return { [Symbol.dispose]: () => registration[Symbol.dispose]() };
}
