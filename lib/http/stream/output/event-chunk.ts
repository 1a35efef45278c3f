/** What is written at once: what a socket takes before it asks to wait, and about all that is held for a client. */
export const chunkBytes = 16 * 1024;

/** What ends an HTTP chunk. */
const crlf = Buffer.from('\r\n');

/**
 * Some frames that follow each other, ready to be written: as they are, or framed as one chunk of an HTTP/1.1 body.
 * Watchers that stand at the same place share one, so the work is done once for all of them.
 */
export class EventChunk {
  readonly #frames: readonly Buffer[];
  /** Length of the frames. */
  readonly bytes: number;
  #joined: Buffer | undefined;
  #framed: Buffer | undefined;

  constructor(frames: readonly Buffer[], bytes: number) {
    this.#frames = frames;
    this.bytes = bytes;
  }

  static of(text: string): EventChunk {
    const frame = Buffer.from(text);
    return new EventChunk([frame], frame.length);
  }

  get joined(): Buffer {
    return (this.#joined ??= Buffer.concat(this.#frames));
  }

  /** @see https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
  get framed(): Buffer {
    return (this.#framed ??= Buffer.concat([
      Buffer.from(`${this.bytes.toString(16)}\r\n`, 'latin1'),
      ...this.#frames,
      crlf,
    ]));
  }
}
