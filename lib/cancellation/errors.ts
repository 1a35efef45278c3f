import type { CancelReason } from './cancel-reason.js';
import { readHeld, readProperty } from './read-error.js';

/**
 * What all errors of this package extend, but for `CancelledError` and the two timeout errors.
 *
 * @publicApi
 */
export abstract class StreamingError extends Error {
  /** Stable, in capitals; the same as in HTTP answers. */
  abstract readonly code: string;
  /** These messages are written for clients, so watchers may see them. */
  readonly expose: boolean = true;
}

/** Not under `--frozen-intrinsics`. */
const limitIsWritable = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/**
 * What a cancelled scope throws at every checkpoint, and what `signal.reason` and a cancelled task's `result` hold.
 *
 * Its `code` is that of Node's own `AbortError`, so that code written for an `AbortSignal` knows it.
 *
 * @publicApi
 */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
  readonly code = 'ABORT_ERR';
  readonly reason: CancelReason;
  /** The id of its scope, not the scope: an error that is kept must not keep a whole task. */
  readonly #scope: number | undefined;

  constructor(reason: CancelReason, options?: ErrorOptions & { scope?: number }) {
    // It is made where a cancel is requested and thrown where something waits. The stack would show neither well, and is
    // most of what a cancellation costs.
    const { stackTraceLimit } = Error;
    if (limitIsWritable) Error.stackTraceLimit = 0;
    super(describe(reason), options?.cause === undefined ? undefined : options);
    if (limitIsWritable) Error.stackTraceLimit = stackTraceLimit;
    this.reason = reason;
    this.#scope = options?.scope;
  }

  /**
   * The id of the scope whose cancellation this error is.
   *
   * @internal
   */
  static scopeOf(error: CancelledError): number | undefined {
    // An object may only look like one: by its prototype, or behind a proxy.
    return #scope in error ? error.#scope : undefined;
  }
}

function describe({ kind, of, timeout, detail }: CancelReason): string {
  const what = kind === 'timeout' ? `timeout (${of}, ${timeout} ms)` : kind;
  return detail ? `Cancelled: ${what}: ${detail}` : `Cancelled: ${what}`;
}

/**
 * A scope did not end before its own deadline. It is no kind of {@link CancelledError}: the code that set the limit may
 * catch it and go on.
 *
 * @publicApi
 */
export class ScopeTimeoutError extends Error {
  override readonly name = 'ScopeTimeoutError';
  readonly code = 'SCOPE_TIMEOUT';
  readonly of = 'scope';
  /** The limit, in milliseconds. */
  readonly timeout: number;
  override readonly cause: CancelledError | undefined;

  constructor(timeout: number, cause?: CancelledError) {
    super(`The scope did not end within ${timeout} ms`);
    this.timeout = timeout;
    this.cause = cause;
  }
}

/**
 * Something was asked of a scope or a group that is over.
 *
 * @publicApi
 */
export class ScopeEndedError extends StreamingError {
  override readonly name = 'ScopeEndedError';
  readonly code = 'SCOPE_ENDED';
}

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
