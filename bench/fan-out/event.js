/** In every event once and nowhere else on the wire, so that counting it in the bytes counts the events. */
export const MARKER = '~';

/** The JSON of an event's data is this long; with type, id and field names the event is about 120 bytes. */
const dataLength = 76;

/** As long as those that nestjs-streaming gives. */
const idPrefix = 'k3v9x2ab4d5e-';

/** What is sent, in each server's own way. */
export const TYPE = 'update';

/**
 * @typedef {object} BenchEvent
 * @property {string} id
 * @property {{ seq: number, text: string }} data
 */

/**
 * @param {number} seq
 * @param {string} [stamp] follows the marker
 * @returns {BenchEvent}
 */
export function makeEvent(seq, stamp = '') {
  const start = MARKER + stamp;
  const rest = dataLength - JSON.stringify({ seq, text: start }).length;
  return { id: `${idPrefix}${seq}`, data: { seq, text: start + 'x'.repeat(rest) } };
}
