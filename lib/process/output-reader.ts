import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { CancelScope } from '../cancellation/scope/cancel-scope.js';
import { isThenable } from '../cancellation/promises.js';
import { LineSplitter } from './line-splitter.js';

/** How many characters of the end are kept in any case. */
const TAIL_LENGTH = 4_096;

interface ReaderInit {
  /** Gets each line, and is waited for. */
  readonly deliver?: ((line: string) => unknown) | undefined;
  /** What is kept of it, and the error when there is more. */
  readonly keep?: { readonly bytes: number; exceeded(): Error } | undefined;
}

/** Reads what a process writes to one of its two outputs, no faster than it is taken. */
export class OutputReader {
  /** Settles at the end of the output, or when it was given up. Rejects when reading or the listener failed. */
  readonly done: Promise<void>;
  readonly #stream: Readable;
  readonly #deliver: ReaderInit['deliver'];
  readonly #keep: ReaderInit['keep'];
  /** The scope in which a listener is awaited. It is cancelled when the output is given up. */
  readonly #waiting = CancelScope.root();
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #tail = '';

  constructor(stream: Readable, { deliver, keep }: ReaderInit) {
    this.#stream = stream;
    this.#deliver = deliver;
    this.#keep = keep;
    this.done = this.#read();
  }

  get text(): string {
    return Buffer.concat(this.#kept).toString('utf8');
  }

  /** The end of it, whether it was kept or not. */
  get tail(): string {
    return this.#tail;
  }

  /** Reads no further, and waits for no listener. */
  giveUp(): void {
    this.#waiting.cancel();
    this.#stream.destroy();
  }

  async #read(): Promise<void> {
    const lines = new LineSplitter();
    const decoder = new StringDecoder('utf8');
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        this.#tail = (this.#tail + decoder.write(chunk)).slice(-TAIL_LENGTH);
        this.#store(chunk);
        if (this.#deliver) for (const line of lines.push(chunk)) await this.#take(this.#deliver(line));
      }
      if (this.#deliver) for (const line of lines.end()) await this.#take(this.#deliver(line));
    } catch (error) {
      // Destroying a stream that is read is an error there.
      if (!this.#waiting.cancelled) throw error;
    }
  }

  #store(chunk: Buffer): void {
    if (!this.#keep) return;
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > this.#keep.bytes) throw this.#keep.exceeded();
    this.#kept.push(chunk);
  }

  /** Waits for the listener that got a line. */
  async #take(returned: unknown): Promise<void> {
    if (!isThenable(returned)) return;
    const promise = Promise.resolve(returned);
    // When it is given up, nothing awaits it any more.
    promise.catch(() => {});
    await this.#waiting.waitFor(promise);
  }
}
