/** When an event was sent, written in its data right behind the marker: microseconds, always as long. */
import { MARKER } from '../fan-out/event.js';
import { monotonic } from '../support/monotonic.js';

const stampLength = 16;

const marker = MARKER.charCodeAt(0);
const zero = '0'.charCodeAt(0);

export function makeStamp() {
  return String(monotonic()).padStart(stampLength, '0');
}

/** Reads the stamps of one stream, also of an event that comes in two pieces. */
export class StampReader {
  /** @type {Buffer | undefined} what came first of such an event, from the marker on */
  #begun;

  /**
   * @param {Buffer} piece what comes next
   * @param {(stamp: number) => void} note
   * @returns {number} how many stamps that were
   */
  read(piece, note) {
    const bytes = this.#begun ? Buffer.concat([this.#begun, piece]) : piece;
    this.#begun = undefined;
    let count = 0;
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) {
      if (at + 1 + stampLength > bytes.length) this.#begun = Buffer.from(bytes.subarray(at));
      else {
        note(timeAt(bytes, at + 1));
        count++;
      }
    }
    return count;
  }
}

/**
 * @param {Buffer} bytes
 * @param {number} at
 */
function timeAt(bytes, at) {
  let time = 0;
  for (let index = at; index < at + stampLength; index++) time = time * 10 + bytes[index] - zero;
  return time;
}
