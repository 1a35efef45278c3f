import { OutgoingMessage, type ServerResponse } from 'node:http';
import type { EventChunk } from './event-chunk.js';

/** What says when it has been taken what was written to it. */
interface Drain {
  once(event: 'drain', listener: () => void): unknown;
  removeListener(event: 'drain', listener: () => void): unknown;
}

/**
 * Where the chunks of one watcher go: straight to the socket where nothing stands in between, which costs half of what
 * the response's own `write` does; otherwise (compression, HTTP/1.0, HTTP/2) to the response.
 */
export class StreamOutput {
  readonly #response: ServerResponse;
  readonly #onDrain: () => void;
  #waitsFor: Drain | undefined;

  /**
   * @param onDrain called when what made `write` return `false` was taken
   */
  constructor(response: ServerResponse, onDrain: () => void) {
    this.#response = response;
    this.#onDrain = () => {
      this.#waitsFor = undefined;
      onDrain();
    };
  }

  /** Bytes that wait for the client, as far as this process holds them. */
  get waiting(): number {
    return this.#response.writableLength;
  }

  /** Whether it has its turn: a response to a pipelined request waits for those before it. */
  get hasTurn(): boolean {
    return this.#response.socket !== null;
  }

  /** Whether the client is to take something before more is written. */
  get isBlocked(): boolean {
    return this.#waitsFor !== undefined;
  }

  /**
   * @returns how many bytes that was
   */
  write(chunk: EventChunk): number {
    const response = this.#response;
    const { socket } = response;
    // What the response itself still holds goes first, and by its own way.
    if (socket?.writable && isPlain(response) && response.writableLength === socket.writableLength) {
      if (!socket.write(chunk.framed)) this.#waitFor(socket);
      return chunk.framed.length;
    }
    if (!response.write(chunk.joined)) this.#waitFor(response);
    return chunk.joined.length;
  }

  /** Nothing more is written. */
  close(): void {
    this.#waitsFor?.removeListener('drain', this.#onDrain);
    this.#waitsFor = undefined;
  }

  #waitFor(target: Drain): void {
    this.#waitsFor = target;
    target.once('drain', this.#onDrain);
  }
}

/** Whether the body goes over the wire in chunks as Node itself frames them, and through nobody's hands. */
function isPlain(response: ServerResponse): boolean {
  return response.chunkedEncoding && Reflect.get(response, 'write') === plainWrite;
}

/** Compared, never called. */
const plainWrite: unknown = Reflect.get(OutgoingMessage.prototype, 'write');
