import type { MessageEvent } from '@nestjs/common';
import type { Subscriber } from 'rxjs';
import type { StreamConnection } from '../connection/stream-connection.js';
import type { NestWriter } from './nest-writer.js';
import { SseSignal } from './sse-signal.js';

/** What sends the headers of a stream and ends its response. */
export interface StreamCarrier {
  attach(connection: StreamConnection): void;
  release(): void;
  /** Ends the response, once what was written to it is taken. */
  complete(connection: StreamConnection): void;
}

/** Nest, which has subscribed. Interceptors may stand in between. */
export class NestCarrier implements StreamCarrier {
  /** @param stream completing it ends the response */
  constructor(
    private readonly nest: NestWriter,
    private readonly stream: Subscriber<MessageEvent>,
  ) {}

  attach(connection: StreamConnection): void {
    this.nest.attach(connection);
  }

  release(): void {
    this.nest.release();
  }

  complete(connection: StreamConnection): void {
    this.stopEmitting();
    // An interceptor may go on without an end. The client does not wait for it.
    this.end(connection);
  }

  emit(message: MessageEvent): void {
    this.stream.next(message);
  }

  /** Interceptors may still write something after this. */
  stopEmitting(): void {
    this.stream.complete();
  }

  end(connection: StreamConnection): void {
    this.nest.end(connection);
  }
}

/** This package alone: Nest has left the response to it. */
export const ownCarrier: StreamCarrier = {
  attach() {},
  release() {},
  complete(connection) {
    connection.endResponse();
    SseSignal.of(connection.response.req)?.abort();
    connection.close();
  },
};
