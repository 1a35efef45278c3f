import { readProperty } from '../../cancellation/errors/read-error.js';
import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * Stands for what a handler threw that is no Error; the value itself is the `cause`.
 *
 * @publicApi
 */
export class ThrownValueError extends StreamingError {
  override readonly name = 'ThrownValueError';
  readonly code = 'THROWN_VALUE';
  override readonly expose = false;
  /** `false` where the value says so: it is not tried again. */
  declare readonly retryable?: false;

  constructor(key: string, value: unknown) {
    super(`Task ${key} threw ${describe(value)} where an Error was expected`, { cause: value });
    if (readProperty(value, 'retryable') === false) this.retryable = false;
  }
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === 'string'
    ? `the string ${JSON.stringify(value.slice(0, 200))}`
    : `a value of type ${typeof value}`;
}
