/** What is sent, and what must arrive. */

export const TYPE = 'update';

const digits = 8;

/**
 * @param {number} seq
 * @param {number} length of the text
 */
export function makeData(seq, length) {
  return { seq: String(seq).padStart(digits, '0'), text: 'x'.repeat(length) };
}

/**
 * The bytes of one event after the other, as the wire format documents them.
 */
export class ExpectedEvents {
  /** @readonly */
  #length;
  /** @readonly */
  #epoch;
  /** @readonly */
  #head;
  #seq = 0;
  #frame = Buffer.alloc(0);
  #at = 0;

  /**
   * @param {string} epoch
   * @param {number} length of the text
   */
  constructor(epoch, length) {
    this.#length = length;
    this.#epoch = epoch;
    this.#head = Buffer.from(JSON.stringify(makeData(0, length)));
  }

  /** How many events have come whole. */
  get whole() {
    return this.#at === this.#frame.length ? this.#seq : this.#seq - 1;
  }

  /**
   * Takes what comes next.
   *
   * @param {Buffer} bytes
   */
  take(bytes) {
    for (let at = 0; at < bytes.length;) {
      if (this.#at === this.#frame.length) this.#next();
      const length = Math.min(bytes.length - at, this.#frame.length - this.#at);
      if (bytes.compare(this.#frame, this.#at, this.#at + length, at, at + length) !== 0) {
        const came = bytes.toString('latin1', at, at + 100);
        throw new Error(`In event ${this.#seq} something else came than was sent: ${came}`);
      }
      this.#at += length;
      at += length;
    }
  }

  #next() {
    this.#seq++;
    const data = JSON.stringify(makeData(this.#seq, 0)).slice(0, -2);
    // Only these few bytes differ from the event before: it is 200 kB long.
    this.#head.write(data);
    const id = `${this.#epoch}-${this.#seq + 1}`;
    this.#frame = Buffer.concat([
      Buffer.from(`event: ${TYPE}\ndata: `),
      this.#head,
      Buffer.from(`\nid: ${id}\n\n`),
    ]);
    this.#at = 0;
  }
}
