import { OutgoingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isHttp1 } from './cut-off.js';
import type { EventChunk } from './event-chunk.js';

/** What says when it has been taken what was written to it. */
interface Drain {
  on(event: 'drain', listener: () => void): unknown;
  removeListener(event: 'drain', listener: () => void): unknown;
}

/**
 * Where the chunks of one watcher go: straight to the socket where nothing stands in between, which costs half of what
 * the response's own `write` does; otherwise (compression, HTTP/1.0, HTTP/2) to the response.
 */
export class StreamOutput {
  readonly #response: ServerResponse;
  readonly #onDrain: () => void;
  #socket: Socket | undefined;
  #drain: Drain | undefined;
  #isBlocked = false;
  #written = 0;
  #isHeld = false;

  /**
   * @param onDrain called when what made `write` return `false` was taken
   */
  constructor(response: ServerResponse, onDrain: () => void) {
    this.#response = response;
    this.#onDrain = () => {
      if (!this.#isBlocked) return;
      this.#isBlocked = false;
      onDrain();
    };
  }

  /** Bytes that wait for the client, as far as this process holds them. */
  get waiting(): number {
    return this.#response.writableLength;
  }

  /** Bytes that the client has taken, and whatever else went over its connection: it says whether there is progress. */
  get taken(): number {
    const { socket } = this.#response;
    // What is compressed is counted where it leaves. The socket of a session serves others as well.
    const written = socket && isHttp1(this.#response) ? socket.bytesWritten : this.#written;
    return written - this.waiting;
  }

  /** Bytes that the system has not taken of what was handed to it: they sink while one large write is under way. */
  get queued(): unknown {
    if (!this.#socket) return undefined;
    const handle = Reflect.get(this.#socket, '_handle') as { readonly writeQueueSize?: unknown } | null;
    return handle?.writeQueueSize;
  }

  /** Whether it has its turn: a response to a pipelined request waits for those before it. */
  get hasTurn(): boolean {
    return this.#response.socket !== null;
  }

  /** Whether the client is to take something before more is written. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  write(chunk: EventChunk): void {
    // Somebody else may have ended the response: what followed would belong to no response at all.
    if (this.#response.writableEnded) return;
    const socket = (this.#socket ??= directWay(this.#response));
    if (socket) {
      if (!socket.write(chunk.framed)) this.#waitFor(socket);
      return;
    }
    this.#written += chunk.bytes;
    this.#isHeld = true;
    if (!this.#response.write(chunk.joined)) this.#waitFor(this.#response);
  }

  /** To be called after the last `write` of a turn: a middleware that compresses keeps what was written until then. */
  flush(): void {
    // While it is blocked there is more to come.
    if (!this.#isHeld || this.#isBlocked) return;
    this.#isHeld = false;
    const flush: unknown = Reflect.get(this.#response, 'flush');
    // Node's own is another thing, and deprecated.
    if (typeof flush === 'function' && flush !== plainFlush) Reflect.apply(flush, this.#response, []);
  }

  /** Nothing more is written. */
  close(): void {
    this.#drain?.removeListener('drain', this.#onDrain);
    this.#drain = undefined;
    this.#isBlocked = false;
  }

  #waitFor(target: Drain): void {
    this.#isBlocked = true;
    if (target === this.#drain) return;
    // For good, not once: where it compresses, `compression` puts the listener on a stream from which nobody removes it.
    this.#drain?.removeListener('drain', this.#onDrain);
    this.#drain = target;
    target.on('drain', this.#onDrain);
  }
}

/**
 * The socket, once nothing is left in the response that must go first, and where its body goes over the wire in chunks as
 * Node itself frames them, through nobody's hands. Found once for a connection: whatever is read of a response is slow,
 * since Express changes its prototype.
 */
function directWay(response: ServerResponse): Socket | undefined {
  const { socket } = response;
  if (!socket?.writable || response.writableLength !== socket.writableLength) return undefined;
  return response.chunkedEncoding && Reflect.get(response, 'write') === plainWrite ? socket : undefined;
}

/** Compared, never called. */
const plainWrite: unknown = Reflect.get(OutgoingMessage.prototype, 'write');
const plainFlush: unknown = Reflect.get(OutgoingMessage.prototype, 'flush');
