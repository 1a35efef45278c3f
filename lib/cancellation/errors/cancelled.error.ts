import type { CancelReason } from '../cancel-reason.js';

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
