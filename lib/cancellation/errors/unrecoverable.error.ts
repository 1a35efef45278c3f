import { readHeld, readProperty } from './read-error.js';
import { StreamingError } from './streaming.error.js';

/**
 * A failure that trying again cannot mend: neither `attempts` of a task nor `retry()` tries again after it. An error of
 * any other class counts as one when it has `retryable: false`.
 *
 * Its message reaches watchers only as that of any other error does: it is `Internal error` to them.
 *
 * @example
 * if (response.status === 404) throw new UnrecoverableError(`There is no file ${url}`);
 * @publicApi
 */
export class UnrecoverableError extends StreamingError {
  override readonly name: string = 'UnrecoverableError';
  readonly code: string = 'UNRECOVERABLE';
  override readonly expose: boolean = false;
  readonly retryable = false;
}

/** How many errors are looked at that others hold. */
const MAX_HELD_ERRORS = 1_000;

/** Whether an error says that it is never worth another try. A group's error does when one does that it holds. */
export function isUnrecoverable(error: unknown): boolean {
  const pending = new Set<unknown>([error]);
  for (const candidate of pending) {
    if (readProperty(candidate, 'retryable') === false) return true;
    for (const held of readHeld(candidate, MAX_HELD_ERRORS - pending.size) ?? []) pending.add(held);
  }
  return false;
}
