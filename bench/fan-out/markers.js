import { MARKER } from './event.js';

const marker = MARKER.charCodeAt(0);

/**
 * How many events are in what has come.
 *
 * @param {Buffer} bytes
 * @param {number} length
 */
export function markersIn(bytes, length) {
  // A search knows no end but that of the buffer: it shall not go through what an earlier, longer read left behind.
  if (length < bytes.length) bytes[length] = marker;
  let found = 0;
  for (let at = bytes.indexOf(marker); at >= 0 && at < length; at = bytes.indexOf(marker, at + 1)) found++;
  return found;
}
