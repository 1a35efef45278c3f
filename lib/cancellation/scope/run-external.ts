import { quietIf } from '../promises.js';
import type { CancelScope } from './cancel-scope.js';
import { whenCancelled } from './when-cancelled.js';

/** Work that goes on outside of this thread, and has to be told when its scope is cancelled. */
interface ExternalWork<T> {
  /** Has it end. The first error that is given to it counts: its end rejects with that. */
  stop(error: unknown): void;
  /** Waits for its end. */
  end(): Promise<T>;
}

/** Does something in a scope. A rejection that is only its cancellation, be it withdrawn since, does not have to be awaited. */
export function runIn<T>(scope: CancelScope, body: () => Promise<T>): Promise<T> {
  return quietIf(body(), (error) => scope.node.hasThrown(error));
}

/** Sees work to its end, and stops it when the scope is cancelled. */
export async function endWithScope<T>(scope: CancelScope, work: ExternalWork<T>): Promise<T> {
  const registration = whenCancelled(scope, (error) => work.stop(error));
  try {
    return await work.end();
  } finally {
    registration[Symbol.dispose]();
  }
}
