import { readProperty, textOf } from '../cancellation/errors/read-error.js';
import { InvalidEventError } from '../task/errors/invalid-event.error.js';
import { toJson } from '../task/json.js';

/**
 * Writes the data of an event as one line of JSON.
 *
 * @param key names the task in messages
 * @throws InvalidEventError for data that JSON cannot hold or that is over `maxEventBytes`
 */
export function encodeEvent(key: string, type: string, data: unknown, maxEventBytes: number): string {
  let json: string;
  try {
    json = toJson(data);
  } catch (cause) {
    const why = textOf(readProperty(cause, 'message') ?? cause);
    throw new InvalidEventError(`The data of event "${type}" of ${key} cannot be sent: ${why}`, {
      cause,
    });
  }
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxEventBytes) return json;
  throw new InvalidEventError(
    `The data of event "${type}" of ${key} has ${bytes} bytes, more than the ${maxEventBytes} of maxEventBytes`,
  );
}

/**
 * Writes a progress: a number is `{ percent }`.
 *
 * @returns `snapshot`: what stands in the snapshot, as JSON, where that can hold it
 * @throws InvalidEventError
 */
export function encodeProgress(
  key: string,
  value: unknown,
  maxEventBytes: number,
): { readonly json: string; readonly snapshot?: string } {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new InvalidEventError(`progress(): expected a number or an object, got ${value}`);
  }
  const data = typeof value === 'number' ? { percent: value } : value;
  const json = encodeEvent(key, 'progress', data, maxEventBytes);
  if (typeof data === 'string') return { json, snapshot: toJson({ message: data }) };
  return typeof data === 'object' && data !== null ? { json, snapshot: json } : { json };
}
