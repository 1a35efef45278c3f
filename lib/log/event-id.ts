import { randomFillSync } from 'node:crypto';

/** Twelve characters of five random bits each: 60 bits that cannot be guessed, and no clock in them. */
const epochLength = 12;
const alphabet = Buffer.from('abcdefghijklmnopqrstuvwxyz234567');
const pool = Buffer.allocUnsafeSlow(epochLength * 256);
let used = pool.length;

/** Mints the random token that tells one log from every other, also from another run of the same task. */
export function mintEpoch(): string {
  if (used === pool.length) refill();
  used += epochLength;
  return pool.toString('latin1', used - epochLength, used);
}

function refill(): void {
  randomFillSync(pool);
  for (const [index, byte] of pool.entries()) pool[index] = alphabet[byte & 31] as number;
  used = 0;
}

/** A position in a log: that of the event with this `seq`, or the start when it is 0. */
export interface EventId {
  readonly epoch: string;
  readonly seq: number;
}

export function formatEventId(epoch: string, seq: number): string {
  return `${epoch}-${seq}`;
}

/** Other instances and versions may mint epochs of another length: the wire format allows 8 to 20 characters. */
const pattern = /^([a-z0-9]{8,20})-(0|[1-9][0-9]{0,15})$/;

/** Reads an id; `undefined` for anything that is none. */
export function parseEventId(id: string): EventId | undefined {
  const match = pattern.exec(id);
  if (!match) return undefined;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { epoch: match[1] as string, seq } : undefined;
}
