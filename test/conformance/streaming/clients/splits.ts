/** The ways in which the bytes of a stream may come. */

export function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

/** On both sides of every CR and every LF. */
export function atLineEnds(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  bytes.forEach((byte, index) => {
    if (byte !== 10 && byte !== 13) return;
    pieces.push(bytes.subarray(from, index), bytes.subarray(index, index + 1));
    from = index + 1;
  });
  pieces.push(bytes.subarray(from));
  return pieces.filter(({ length }) => length > 0);
}
