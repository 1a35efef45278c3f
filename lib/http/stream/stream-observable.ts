import type { ServerResponse } from 'node:http';
import type { MessageEvent } from '@nestjs/common';
import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { isHttp1 } from '../request/http-exchange.js';
import type { StreamConnection } from './connection/stream-connection.js';
import type { ListedTask } from './connection/task-list.js';
import { NestWriter } from './output/nest-writer.js';
import { corked } from './output/response-writer.js';
import { SseSignal } from './output/sse-signal.js';
import { NestCarrier, ownCarrier, type StreamCarrier } from './output/stream-carrier.js';
import { sendHead, type StreamHead } from './output/stream-head.js';

export interface StreamRequest {
  readonly response: ServerResponse;
  /** Called once the headers are out. From then on only the stream may end the response. */
  readonly onOpen?: () => void;
  /** All that were asked for. */
  readonly tasks: readonly ListedTask[];
  /** Whether it is a stream of many tasks, even if the list has but one. */
  readonly isList: boolean;
  /** Whether the events pass through Nest's Observable, so that interceptors see them. */
  readonly isIntercepted: boolean;
  readonly principal?: string | undefined;
  /** Who watches. */
  readonly watcher?: string | undefined;
}

/** Makes the connection of a stream. It writes nothing before it is opened. */
type Connect = (request: StreamRequest, carrier: StreamCarrier) => StreamConnection;

/** A stream for Nest's `@Sse()`: open when Nest subscribes, and ended when it completes. Or else it is served without Nest. */
export class StreamObservable extends Observable<MessageEvent> {
  readonly #connect: Connect;
  readonly #hasInterceptors: boolean;
  /** Nest keeps the Observable as long as the stream is open, so it must hold nothing else by then. */
  #request: StreamRequest | undefined;
  #isForNest = false;

  constructor(request: StreamRequest, connect: Connect) {
    super((subscriber) => this.#subscribed(subscriber));
    this.#request = request;
    this.#connect = connect;
    const { response } = request;
    // Where the response is left to the stream, Nest pipes into it only if there are interceptors.
    const nest = SseSignal.of(response.req) ? NestWriter.find(response) : NestWriter.of(response);
    this.#hasInterceptors = nest?.hasBegun ?? false;
  }

  /** To be called where only Nest gets it. */
  forNest(): this {
    this.#isForNest = this.#request?.isIntercepted === false;
    return this;
  }

  /** Whether it emits nothing, as its connection writes for itself, and Nest alone subscribes. */
  get isForNest(): boolean {
    return this.#isForNest;
  }

  /** Opens it without a subscriber: it sends the headers itself. */
  serve(head: StreamHead): void {
    const request = this.#take();
    if (!request) return;
    const { response, onOpen } = request;
    asOneWrite(response, () => {
      sendHead(response, head);
      const connection = this.#connect(request, ownCarrier);
      onOpen?.();
      connection.open();
    });
  }

  /**
   * The operators that Nest pipes an `@Sse()` stream through have nothing to do where nothing is emitted, and would take 3.6 kB
   * for each watcher. So where only Nest can pipe it, no operator is applied.
   */
  override pipe(...operators: OperatorFunction<MessageEvent, MessageEvent>[]): Observable<MessageEvent> {
    if (this.#isForNest) return this;
    return operators.reduce<Observable<MessageEvent>>((source, operator) => operator(source), this);
  }

  /** Nest or other code has subscribed. Nest sends the headers and ends the response. */
  #subscribed(subscriber: Subscriber<MessageEvent>): void {
    const request = this.#take();
    if (!request) return;
    const { response, onOpen } = request;
    const nest = NestWriter.of(response);
    const connection = this.#connect(request, new NestCarrier(nest, subscriber));
    subscriber.add(() => connection.close());
    nest.onceHeadersAreSent(
      () => subscriber.closed,
      () => {
        onOpen?.();
        connection.open();
      },
    );
    // Nest waits another turn, as an interceptor may still fail.
    if (this.#hasInterceptors || !this.#isForNest) return;
    asOneWrite(response, () => nest.sendHeaders());
  }

  #take(): StreamRequest | undefined {
    const request = this.#request;
    this.#request = undefined;
    return request;
  }
}

/** Headers, greeting and replay leave in one system call, which costs as much as all that this package does to open. */
function asOneWrite(response: ServerResponse, write: () => void): void {
  const { socket } = response;
  // What `inject()` makes up cannot be corked.
  corked(socket && isHttp1(response) && typeof socket.cork === 'function' ? socket : undefined, write);
}
