import type { ServerResponse } from 'node:http';
import type { Http2Server, Http2ServerResponse, ServerHttp2Session } from 'node:http2';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Timer } from '../../../cancellation/time/timer.js';
import { socketOf } from '../../../internals/node-internals.js';

/** How long a session that stalled before may take to end when the server closes, in milliseconds. */
const STALLED_DRAIN = 1_000;

/**
 * The HTTP/2 sessions of the application's server. Before version 24 Node does not close them with the server, which an
 * idle one then holds open for as long as its timeout is.
 */
@Injectable()
export class Http2Sessions implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #open = new Set<ServerHttp2Session>();
  /** Those with a stream that was not read: it may be the whole connection that is not. */
  readonly #stalled = new Set<ServerHttp2Session>();
  #closing = false;

  constructor(private readonly host: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    // An application context has no server.
    const server = this.host.httpAdapter?.getHttpServer() as Http2Server | undefined;
    // Only a server of HTTP/2 ever emits it.
    server?.on('session', (session) => {
      this.#open.add(session);
      session.once('close', () => {
        this.#open.delete(session);
        this.#stalled.delete(session);
      });
      if (this.#closing) session.close();
    });
  }

  /** To be called for a response that is given up. */
  stalled(response: ServerResponse): void {
    const session = sessionOf(response);
    if (session && this.#open.has(session)) this.#stalled.add(session);
  }

  /** Lets no further request follow in the session of a response: its client opens another one. */
  leave(response: ServerResponse): void {
    sessionOf(response)?.close();
  }

  /** They take no further request; what is under way in them comes to its end. */
  beforeApplicationShutdown(): void {
    this.#closing = true;
    for (const session of this.#open) session.close();
    if (this.#stalled.size === 0) return;
    new Timer(STALLED_DRAIN, () => {
      for (const session of this.#stalled) socketOf(session).destroy();
    }).unref();
  }
}

/**
 * Ends the connection of a response over HTTP/2, and so its session with all that is in it. A session that is destroyed waits
 * until what it wrote is taken; its socket does not.
 */
export function destroySession(response: ServerResponse): void {
  const session = sessionOf(response);
  if (session) socketOf(session).destroy();
}

/** The session of a response over HTTP/2, as long as there is one. */
export function sessionOf(response: ServerResponse): ServerHttp2Session | undefined {
  const { stream } = response as unknown as Partial<Http2ServerResponse>;
  const session = stream?.session as ServerHttp2Session | undefined;
  return session?.destroyed ? undefined : session;
}
