import { StringDecoder } from 'node:string_decoder';
import { cutText } from '../cancellation/read-error.js';

/** Longer lines come in pieces: a process that never ends its line must not fill the memory. */
const MAX_LINE_LENGTH = 16_384;

/** Cuts bytes into lines at `\n`, `\r\n` and `\r` (with which programs overwrite their progress), however they come. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #endedWithReturn = false;

  /** The lines that are complete with this piece. */
  *push(bytes: Uint8Array): Generator<string> {
    yield* this.#split(this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  }

  /** What is left when nothing more comes. */
  *end(): Generator<string> {
    yield* this.#split(this.#decoder.end());
    if (this.#rest !== '') yield this.#rest;
    this.#rest = '';
  }

  *#split(given: string): Generator<string> {
    if (given === '') return;
    // The \r at the end of the last piece has ended the line: a \n that follows is no empty line.
    const text = this.#endedWithReturn && given.startsWith('\n') ? given.slice(1) : given;
    this.#endedWithReturn = given.endsWith('\r');
    const lines = text.split(/\r\n|\n|\r/);
    const last = lines.length - 1;
    for (const [index, line] of lines.entries()) {
      this.#rest += line;
      while (this.#rest.length > MAX_LINE_LENGTH) {
        const piece = cutText(this.#rest, MAX_LINE_LENGTH);
        yield piece;
        this.#rest = this.#rest.slice(piece.length);
      }
      if (index === last) return;
      yield this.#rest;
      this.#rest = '';
    }
  }
}
