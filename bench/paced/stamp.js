/** When an event was sent, written in its data right behind the marker: microseconds, always as long. */
import { monotonic } from '../support/monotonic.js';

export const stampLength = 16;

const zero = '0'.charCodeAt(0);

export function makeStamp() {
  return String(monotonic()).padStart(stampLength, '0');
}

/**
 * @param {Buffer} bytes
 * @param {number} at where it begins
 */
export function readStamp(bytes, at) {
  let time = 0;
  for (let index = at; index < at + stampLength; index++) time = time * 10 + bytes[index] - zero;
  return time;
}
