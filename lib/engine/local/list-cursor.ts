import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { InvalidQueryError } from '../../task/errors.js';

const algorithm = 'aes-128-gcm';
const ivLength = 12;
const tagLength = 16;
const numberLength = 8;

/** Of this process, as the numbers of its runs are. */
const key = randomBytes(16);

/**
 * The cursor of a list behind a run, of its number: encrypted. In plain text, two numbers would tell a client how many
 * tasks of others were started in between.
 */
export function cursorBehind(number: number): string {
  const iv = randomBytes(ivLength);
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagLength });
  const plain = Buffer.alloc(numberLength);
  plain.writeBigUInt64BE(BigInt(number));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

/**
 * The number of the run that a cursor stands behind.
 *
 * @throws InvalidQueryError for a cursor that no list of this process gave
 */
export function readCursor(cursor: string): number {
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.length !== ivLength + numberLength + tagLength) throw noCursor(cursor);
  try {
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivLength), {
      authTagLength: tagLength,
    });
    decipher.setAuthTag(bytes.subarray(-tagLength));
    const plain = Buffer.concat([decipher.update(bytes.subarray(ivLength, -tagLength)), decipher.final()]);
    return Number(plain.readBigUInt64BE());
  } catch {
    throw noCursor(cursor);
  }
}

function noCursor(cursor: string): InvalidQueryError {
  return new InvalidQueryError(
    `Invalid cursor ${JSON.stringify(cursor.slice(0, 80))}: give the nextCursor of the page before, of this process`,
  );
}
