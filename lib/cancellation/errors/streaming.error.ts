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
