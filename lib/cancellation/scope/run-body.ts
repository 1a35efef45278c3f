import { ScopeTimeoutError } from '../errors.js';
import { nextMicrotask } from '../promises.js';
import type { CancelScope } from './cancel-scope.js';
import type { ScopeBody } from './scope-body.js';

/**
 * Runs a body in its scope, to its end. What it lets through of a cancellation shows whose that was, the outermost first.
 *
 * @param limit its time, in milliseconds; `null` for no limit
 */
export async function runBody<T>(
  scope: CancelScope,
  body: ScopeBody<T>,
  limit: number | null = null,
): Promise<T> {
  const { node } = scope;
  const bornCancelled = node.cancelled;
  try {
    if (limit !== null) node.limitTime(limit);
    if (node.isDeep) await nextMicrotask;
    const value = await body(scope);
    if (bornCancelled) node.above?.throwIfCancelled();
    return value;
  } catch (error) {
    if (!node.explains(error)) throw error;
    node.above?.throwIfCancelled();
    if (node.limit?.expired) throw new ScopeTimeoutError(node.limit.timeout, node.cancellation);
    throw node.cancellation ?? error;
  } finally {
    node.retire();
  }
}

/** As `runBody`, but takes the scope's own cancellation. */
export async function runAbsorbing<T>(scope: CancelScope, body: ScopeBody<T>): Promise<T | undefined> {
  const { node } = scope;
  const value = await runBody(scope, async () => {
    try {
      return await body(scope);
    } catch (error) {
      if (node.explains(error) && !node.above?.cancelled) return undefined;
      throw error;
    }
  });
  return node.isSelfCancelled ? undefined : value;
}
