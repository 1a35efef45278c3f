import type { ServerResponse } from 'node:http';
import type { MessageEvent } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import { isHttp1 } from '../http-exchange.js';
import type { StreamConnection } from './connection/stream-connection.js';
import { isLeftToStream } from './output/nest-sse.js';
import { NestWriter } from './output/nest-writer.js';
import { NestCarrier, ownCarrier, type StreamCarrier } from './output/stream-carrier.js';
import { sendHead, type StreamHead } from './output/stream-head.js';
import { type QuietBeginnings, ManualSseStream } from './manual-sse-stream.js';

/** A stream that is to be opened. */
export interface StreamOpening {
  readonly response: ServerResponse;
  /** Called once the headers are out. From then on only the stream may end the response. */
  readonly onOpen?: () => void;
  /** Whether the events pass through Nest's Observable, so that interceptors see them. */
  readonly isIntercepted: boolean;
}

/** Makes the connection of a stream. It writes nothing before it is opened. */
export type Connect<Opening> = (opening: Opening, carrier: StreamCarrier) => StreamConnection;

/**
 * A stream for Nest's `@Sse()`. It is open when subscribed, and ended when completed. Where Nest leaves the response to it,
 * it is never subscribed to.
 */
export function streamOf<Opening extends StreamOpening>(
  opening: Opening,
  connect: Connect<Opening>,
): Observable<MessageEvent> {
  const beginnings = new Beginnings(opening, connect);
  const stream = opening.isIntercepted
    ? new Observable<MessageEvent>((subscriber) => beginnings.subscribed(subscriber))
    : new ManualSseStream(beginnings);
  return beginnings.of(stream);
}

class Beginnings<Opening extends StreamOpening> implements QuietBeginnings {
  readonly #connect: Connect<Opening>;
  readonly #hasInterceptors: boolean;
  /** Nest keeps the Observable as long as the stream is open, so it must hold nothing else. */
  #opening: Opening | undefined;
  #stream: Observable<MessageEvent> | undefined;

  constructor(opening: Opening, connect: Connect<Opening>) {
    this.#opening = opening;
    this.#connect = connect;
    const { response } = opening;
    // Where the response is left to the stream, Nest pipes into it only if there are interceptors.
    const nest = isLeftToStream(response.req) ? NestWriter.find(response) : NestWriter.of(response);
    this.#hasInterceptors = nest?.hasBegun ?? false;
  }

  /** Tells it which Observable is that of this stream. */
  of(stream: Observable<MessageEvent>): Observable<MessageEvent> {
    this.#stream = stream;
    return stream;
  }

  subscribed(subscriber: Subscriber<MessageEvent>): void {
    const opening = this.#take();
    if (!opening) return;
    const { response, onOpen } = opening;
    const nest = NestWriter.of(response);
    const connection = this.#connect(opening, new NestCarrier(nest, subscriber));
    subscriber.add(() => connection.close());
    nest.onceHeadersAreSent(
      () => subscriber.closed,
      () => {
        onOpen?.();
        connection.open();
      },
    );
    const stream = this.#stream;
    // Nest waits another turn, as an interceptor may still fail.
    if (this.#hasInterceptors || !(stream instanceof ManualSseStream) || !stream.isForNest) return;
    asOneWrite(response, () => nest.sendHeaders());
  }

  served(head: StreamHead): void {
    const opening = this.#take();
    if (!opening) return;
    const { response, onOpen } = opening;
    asOneWrite(response, () => {
      sendHead(response, head);
      const connection = this.#connect(opening, ownCarrier);
      onOpen?.();
      connection.open();
    });
  }

  #take(): Opening | undefined {
    const opening = this.#opening;
    this.#opening = undefined;
    return opening;
  }
}

/** Headers, greeting and replay leave in one system call, which costs as much as all that this package does to open. */
function asOneWrite(response: ServerResponse, write: () => void): void {
  const { socket } = response;
  // What `inject()` makes up cannot be corked.
  if (!isHttp1(response) || typeof socket?.cork !== 'function') {
    write();
    return;
  }
  socket.cork();
  try {
    write();
  } finally {
    socket.uncork();
  }
}
