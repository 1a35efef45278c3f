/**
 * Bytes of a stream as one chunk of an HTTP/1.1 body. Nearly every event is written alone and straight to the socket, so it
 * is encoded as a chunk. A writer that needs the bare bytes takes them out of it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-7.1
 */
export interface EventChunk {
  /** The chunk as it goes over the wire. */
  readonly framed: Buffer;
  /** Length of the bare bytes. */
  readonly bytes: number;
}

const LINE_END = '\r\n';
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

export function chunkOf(text: string): EventChunk {
  const bytes = Buffer.byteLength(text);
  return { framed: encodeChunk(text, bytes), bytes };
}

/** Encodes a text as one chunk, with the length that it has in UTF-8. */
export function encodeChunk(text: string, bytes: number): Buffer {
  return Buffer.from(headOf(bytes) + text + LINE_END);
}

/** The bare bytes, for a writer that frames them itself. All watchers share them, so they must not be changed. */
export function contentOf({ framed, bytes }: EventChunk): Buffer {
  const end = framed.length - LINE_END.length;
  return framed.subarray(end - bytes, end);
}

export function joinChunks(chunks: readonly EventChunk[]): EventChunk {
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  const head = headOf(bytes);
  const framed = Buffer.allocUnsafe(head.length + bytes + LINE_END.length);
  let length = framed.write(head, 'latin1');
  for (const chunk of chunks) {
    const end = chunk.framed.length - LINE_END.length;
    length += chunk.framed.copy(framed, length, end - chunk.bytes, end);
  }
  framed.write(LINE_END, length, 'latin1');
  return { framed, bytes };
}

/** The last chunk of a body, with what ends it. */
export function withLastChunk(framed: Buffer): Buffer {
  return Buffer.concat([framed, LAST_CHUNK]);
}

function headOf(bytes: number): string {
  return bytes.toString(16) + LINE_END;
}
