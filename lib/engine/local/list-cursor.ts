import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { quoted } from '../../cancellation/read-error.js';
import { InvalidQueryError } from '../../task/errors.js';

const ALGORITHM = 'aes-128-gcm';
const IV_LENGTH = 12;
const TAG_LENGTH = 16;
const NUMBER_LENGTH = 8;

/** Of this process, as the numbers of its runs are. */
const key = randomBytes(16);

/** The cursor behind a run, of its number. Encrypted: two numbers would tell a client how many tasks others have started. */
export function cursorBehind(number: number): string {
  const iv = randomBytes(IV_LENGTH);
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_LENGTH });
  const plain = Buffer.alloc(NUMBER_LENGTH);
  plain.writeBigUInt64BE(BigInt(number));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

/** The number in a cursor. Throws InvalidQueryError for one that no list of this process gave. */
export function readCursor(cursor: string): number {
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.length !== IV_LENGTH + NUMBER_LENGTH + TAG_LENGTH) throw noCursor(cursor);
  try {
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, IV_LENGTH), {
      authTagLength: TAG_LENGTH,
    });
    decipher.setAuthTag(bytes.subarray(-TAG_LENGTH));
    const plain = Buffer.concat([decipher.update(bytes.subarray(IV_LENGTH, -TAG_LENGTH)), decipher.final()]);
    return Number(plain.readBigUInt64BE());
  } catch {
    throw noCursor(cursor);
  }
}

function noCursor(cursor: string): InvalidQueryError {
  return new InvalidQueryError(
    `Invalid cursor ${quoted(cursor)}: give the nextCursor of the page before, of this process`,
  );
}
