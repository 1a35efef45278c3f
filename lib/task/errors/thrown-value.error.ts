import { StreamingError } from '../../cancellation/streaming.error.js';

/**
 * Stands for what a handler threw that is no Error; the value itself is the `cause`.
 *
 * @publicApi
 */
export class ThrownValueError extends StreamingError {
  override readonly name = 'ThrownValueError';
  readonly code = 'THROWN_VALUE';
  override readonly expose = false;

  constructor(key: string, value: unknown) {
    super(`Task ${key} threw ${describe(value)} where an Error was expected`, { cause: value });
  }
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === 'string'
    ? `the string ${JSON.stringify(value.slice(0, 200))}`
    : `a value of type ${typeof value}`;
}
