import { InvalidEventError } from '../../task/errors/invalid-event.error.js';
import { toJson } from '../../task/json.js';

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
    const why = (cause as { message?: unknown } | undefined)?.message ?? cause;
    throw new InvalidEventError(`The data of event "${type}" of ${key} cannot be sent: ${String(why)}`, {
      cause,
    });
  }
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxEventBytes) return json;
  throw new InvalidEventError(
    `The data of event "${type}" of ${key} has ${bytes} bytes, more than the ${maxEventBytes} of maxEventBytes`,
  );
}
