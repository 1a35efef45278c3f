// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import {
  bytesHandedOver,
  endsPlainly,
  unsentBytes,
  writesPlainly,
} from '../../../internals/node-internals.js';
import { contentOf, type EventChunk } from '../../../log/wire/event-chunk.js';
import { isHttp1 } from '../../request/http-exchange.js';
import { endEarly } from './early-end.js';
import { sessionOf } from './http2-sessions.js';

/** What is written at once: what a socket takes before it asks to wait, and about all that is held for a client. */
export const CHUNK_BYTES = 16 * 1024;

/** Says when what was written to it has been taken. */
interface Drain {
  on(event: 'drain', listener: () => void): unknown;
  removeListener(event: 'drain', listener: () => void): unknown;
}

/**
 * Where the chunks of one watcher go: straight to the socket where nothing stands in between, which costs half of what
 * the response's own `write` does; otherwise (compression, HTTP/1.0, HTTP/2) to the response.
 */
export class ResponseWriter {
  #socket: Socket | undefined;
  #written = 0;
  /** What is listened to, once there was something to wait for: most watchers never have to. */
  #drain: Drain | undefined;
  #onDrain: (() => void) | undefined;
  #isWaiting = false;
  /** Whether something was written that a middleware may keep until it is flushed. */
  #isHeld = false;
  #isSettling = false;
  /** Whether other code writes the events. */
  #isRelayed = false;
  #isClosed = false;
  #completeEnd: (() => void) | undefined;

  /** @param onRoom called when the client has taken what made the output block */
  constructor(
    private readonly response: ServerResponse,
    private readonly onRoom: () => void,
  ) {}

  /** The socket, where chunks go straight to it. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Bytes that the client has taken, and whatever else went over its connection: it says whether there is progress. */
  get taken(): number {
    const { socket } = this.response;
    // What is compressed is counted where it leaves. The socket of a session serves others as well.
    // An adapter's own socket counts nothing.
    const written = (isHttp1(this.response) ? socket?.bytesWritten : undefined) ?? this.#written;
    return written - this.waiting;
  }

  /** Bytes that wait for the client, as far as this process holds them. */
  get waiting(): number {
    // An adapter's own socket may count nothing, and still ask to wait.
    return this.response.writableLength || Number(this.#isWaiting);
  }

  /**
   * Bytes that the system has not taken of what was handed to it: they sink while one large write is under way. Over
   * HTTP/2 that is a write of the session, and may be one of other streams alone.
   */
  get queued(): unknown {
    const socket = isHttp1(this.response) ? this.response.socket : sessionOf(this.response)?.socket;
    return socket ? unsentBytes(socket) : undefined;
  }

  /** Over HTTP/2 it tells one write of the session from the next. */
  get handed(): unknown {
    const session = isHttp1(this.response) ? undefined : sessionOf(this.response);
    return session && bytesHandedOver(session.socket);
  }

  /** Whether it has its turn: a response to a pipelined request waits for those before it. */
  get hasTurn(): boolean {
    return this.response.socket !== null;
  }

  /** Whether the client is to take something before more is written. */
  get isBlocked(): boolean {
    return this.#isWaiting || this.#isSettling;
  }

  write(chunk: EventChunk): void {
    const socket = (this.#socket ??= directWay(this.response));
    // Other code may have ended the response: what followed would belong to no response at all. With nothing left on
    // the socket its end is out, and the connection knows of it; the response is asked only then, as Express has changed
    // its prototype, and reading anything of it costs a third of a write.
    if (socket?.writableLength !== 0 && this.response.writableEnded) return;
    if (socket) {
      if (!socket.write(chunk.framed)) this.#waitFor(socket);
      return;
    }
    this.#written += chunk.bytes;
    this.#isHeld = true;
    if (!this.response.write(contentOf(chunk))) this.#waitFor(this.response);
  }

  /** Writes the last bytes of the response, with its end, if they may go to the socket as they are. `end` is to follow. */
  writeEnd(bytes: Buffer, onLeave: () => void): boolean {
    const response = this.response;
    if (!this.#socket || response.writableEnded || !endsPlainly(response)) return false;
    this.#completeEnd = endEarly(response, this.#socket, onLeave);
    this.#socket.write(bytes);
    return true;
  }

  /** Ends the response, unless other code has. */
  end(): void {
    const response = this.response;
    if (response.destroyed) return;
    if (this.#completeEnd) this.#completeEnd();
    else if (!response.writableEnded) response.end();
  }

  asOneWrite<T>(body: () => T): T {
    return corked(this.#socket, body);
  }

  /** To be called after the last `write` of a turn: a middleware that compresses keeps what was written until then. */
  flush(): void {
    // While it is blocked there is more to come.
    if (!this.#isHeld || this.isBlocked) return;
    this.#isHeld = false;
    const flush: unknown = Reflect.get(this.response, 'flush');
    if (typeof flush === 'function') Reflect.apply(flush, this.response, []);
  }

  /** Other code has written to the socket, which may have asked to wait. */
  checkSocket(): void {
    if (this.#socket?.writableNeedDrain) this.#waitFor(this.#socket);
  }

  /** More is written later in this turn, through other hands: blocks until the client has taken that. */
  settle(): void {
    this.#isRelayed = true;
    this.#isSettling = true;
    setImmediate(() => {
      this.#isSettling = false;
      if (this.#isClosed) return;
      this.#isHeld = true;
      if (needsDrain(this.response)) this.#waitFor(this.response);
      else this.flush();
      if (!this.isBlocked) this.#goOn();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#isWaiting = false;
    this.#unlisten();
  }

  #waitFor(target: Drain): void {
    if (this.#isClosed) return;
    this.#isWaiting = true;
    if (target === this.#drain) return;
    this.#unlisten();
    this.#onDrain ??= () => {
      if (!this.#isWaiting) return;
      this.#isWaiting = false;
      // Other code has waited for it too, and may have more to write than the client takes at once.
      if (this.#isRelayed) this.settle();
      else this.#goOn();
    };
    // For good, not once: `compression` puts the listener on its own stream, from which it cannot be removed.
    target.on('drain', this.#onDrain);
    this.#drain = target;
  }

  #unlisten(): void {
    if (this.#onDrain) this.#drain?.removeListener('drain', this.#onDrain);
    this.#drain = undefined;
  }

  #goOn(): void {
    // What was drained may have been the end of the response, whose event comes only after this one.
    if (!this.response.writableEnded) this.onRoom();
  }
}

/** What `body` writes to a socket leaves in one system call. */
export function corked<T>(socket: Socket | undefined, body: () => T): T {
  socket?.cork();
  try {
    return body();
  } finally {
    socket?.uncork();
  }
}

/**
 * The socket, once nothing is left in the response that must go first, and where its body goes over the wire in chunks as
 * Node itself frames them, with no middleware in between. Found once for a connection: reading a property of a response is
 * slow, since Express changes its prototype.
 */
function directWay(response: ServerResponse): Socket | undefined {
  const { socket } = response;
  if (!socket?.writable || response.writableLength !== socket.writableLength) return undefined;
  return response.chunkedEncoding && writesPlainly(response) ? socket : undefined;
}

/** Whether it asks to wait, also for what other code wrote. */
function needsDrain(response: ServerResponse): boolean {
  // Over HTTP/2 only the stream behind it says so.
  if (!isHttp1(response)) return (response as unknown as Http2ServerResponse).stream.writableNeedDrain;
  if (writesPlainly(response)) return response.writableNeedDrain;
  // What compresses says so when it is written to, and alone knows what waits in it.
  return !response.writableEnded && !response.write('');
}
