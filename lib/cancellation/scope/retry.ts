import { type Backoff, DEFAULT_BACKOFF, RetryDelays } from '../time/backoff.js';
import type { CancelScope } from './cancel-scope.js';
import { isUnrecoverable } from '../errors.js';
import { assertBody } from './scope-body.js';

/**
 * How `scope.retry()` tries again.
 *
 * @publicApi
 */
export interface RetryOptions {
  /** How often the body is tried at most, from 1; `Infinity` for no limit. */
  attempts: number;
  /** The wait before the next try: milliseconds, or a function of the number of the try that failed. @defaultValue 1 000 */
  backoff?: Backoff | undefined;
  /** Most time for each try, in milliseconds; `null` for no limit. @defaultValue null */
  timeout?: number | null | undefined;
  /** Decides whether an error is worth another try. @defaultValue every error is */
  when?: ((error: unknown) => boolean | Promise<boolean>) | undefined;
}

/** So many errors of earlier tries are kept. */
const MAX_EARLIER_ERRORS = 100;

/** Tries a body again in a scope. See `CancelScope.retry`. */
export async function retryIn<T>(
  scope: CancelScope,
  options: RetryOptions,
  body: (scope: CancelScope, attempt: number) => Promise<T>,
): Promise<T> {
  check(options, body);
  const { attempts, backoff = DEFAULT_BACKOFF, timeout = null, when } = options;
  const earlier: unknown[] = [];
  const delays = new RetryDelays(backoff, (what) =>
    scope.node.host.warn(`The backoff given to retry() ${what}; it waits ${DEFAULT_BACKOFF} ms instead`),
  );
  for (let attempt = 1; ; attempt++) {
    scope.throwIfCancelled();
    try {
      if (timeout === null) return await body(scope, attempt);
      return await scope.timeout(timeout, (inner) => body(inner, attempt));
    } catch (error) {
      if (scope.node.explains(error)) throw error;
      const isFinal = scope.cancelled || attempt >= attempts || isUnrecoverable(error);
      if (isFinal || (when && !(await when(error)))) throw withErrors(error, earlier);
      earlier.push(error);
      if (earlier.length > MAX_EARLIER_ERRORS) earlier.shift();
    }
    await scope.sleep(delays.after(attempt));
  }
}

/** Errors that have got their `errors` here: a later `retry()` that ends with the same one gives it its own. */
const given = new WeakSet<object>();

/** Puts the errors of earlier tries on the last one, unless it has others, and where it takes them. */
function withErrors(error: unknown, earlier: readonly unknown[]): unknown {
  const others = earlier.filter((each) => each !== error);
  if (typeof error !== 'object' || error === null) return error;
  try {
    if (given.delete(error)) Reflect.deleteProperty(error, 'errors');
    if (others.length === 0 || 'errors' in error) return error;
    Object.defineProperty(error, 'errors', { value: others, configurable: true, writable: true });
    given.add(error);
  } catch {
    // It is frozen, or a proxy that refuses.
  }
  return error;
}

function check({ attempts, backoff, timeout, when }: RetryOptions, body: unknown): void {
  if (attempts !== Infinity && !(Number.isSafeInteger(attempts) && attempts >= 1)) {
    throw new RangeError(
      `retry(): expected "attempts" to be a whole number, 1 or more, or Infinity, got ${String(attempts)}`,
    );
  }
  if (
    backoff !== undefined &&
    typeof backoff !== 'function' &&
    !(typeof backoff === 'number' && backoff >= 0 && backoff < Infinity)
  ) {
    throw new RangeError(
      `retry(): expected "backoff" to be milliseconds, 0 or more, or a function, got ${String(backoff)}`,
    );
  }
  if (timeout !== undefined && timeout !== null && (typeof timeout !== 'number' || Number.isNaN(timeout))) {
    throw new RangeError(`retry(): expected "timeout" to be milliseconds or null, got ${String(timeout)}`);
  }
  if (when !== undefined && typeof when !== 'function') {
    throw new TypeError(`retry(): expected "when" to be a function, got ${typeof when}`);
  }
  assertBody('retry', body);
}
