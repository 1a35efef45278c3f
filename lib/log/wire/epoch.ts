import { randomUUID } from 'node:crypto';

/** Hexadecimal digits: 48 bits that cannot be guessed, and no clock in them. */
const RANDOM_LENGTH = 12;
/**
 * What tells whose log it is: twenty bits of a hash of the task's key. It is short so that it does not reveal the key: one id in a
 * million has the same mark by chance. It only decides about positions in no log that is here: what their gap is called, and
 * whether a task of a list has one.
 */
const MARK_LENGTH = 4;
const MARK_BITS = 5 * MARK_LENGTH;

/** The length of the epochs that are minted here. Other instances and versions may mint longer or shorter ones. */
export const epochLength = RANDOM_LENGTH + MARK_LENGTH;

/** Mints the token that tells one log from every other, also from another run of the same task. */
export function mintEpoch(key: string): string {
  return randomUUID().slice(-RANDOM_LENGTH) + markOfTask(key);
}

/** The mark in the epochs of all logs of a task. */
export function markOfTask(key: string): string {
  const mark = (hash(key) >>> 0) % (1 << MARK_BITS);
  return ((1 << MARK_BITS) + mark).toString(32).slice(1);
}

export function markOf(epoch: string): string {
  return epoch.slice(-MARK_LENGTH);
}

/**
 * FNV-1a, with the upper bits folded into the lower ones. Keys are ASCII.
 *
 * @see https://datatracker.ietf.org/doc/draft-eastlake-fnv/
 */
function hash(key: string): number {
  let bits = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) bits = Math.imul(bits ^ key.charCodeAt(index), 0x01000193);
  return bits ^ (bits >>> MARK_BITS);
}
