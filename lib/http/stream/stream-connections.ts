import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { EMPTY, Observable, type Subscriber } from 'rxjs';
import { clock } from '../../cancellation/clock.js';
import { Timer } from '../../cancellation/timer.js';
import { CoordinatorShutdown, type ShutdownParticipant } from '../../coordinator/coordinator-shutdown.js';
import type { TaskRun } from '../../coordinator/run/task-run.js';
import {
  type ResolvedHttpOptions,
  type ResolvedOptions,
  STREAMING_OPTIONS,
} from '../../streaming.options.js';
import { cutOff, isHttp1 } from './cut-off.js';
import { FlushQueue } from './flush-queue.js';
import { destroySession, Http2Sessions } from './http2-sessions.js';
import { ResponsesBySocket } from './responses-by-socket.js';
import { StreamConnection, type StreamInit } from './stream-connection.js';
import { StreamHub } from './stream-hub.js';
import { StreamPlaces } from './stream-places.js';
import { Ticker } from './ticker.js';

/** Clients get at least this long to take the end of their stream, in milliseconds. */
const leastDrain = 1_000;
/** How many times in a `stallTimeout` a client's progress is looked at. */
const stallChecks = 4;

/** Every stream this process serves: how many there may be, their heartbeat, and their end. */
@Injectable()
export class StreamConnections implements ShutdownParticipant {
  /** Until their response is closed, so also while a slow client still takes the end. */
  readonly #responses = new Map<ServerResponse, StreamConnection | undefined>();
  readonly #http: ResolvedHttpOptions;
  readonly #places: StreamPlaces;
  readonly #hubs = new Map<TaskRun, StreamHub>();
  readonly #queue = new FlushQueue();
  readonly #sockets = new ResponsesBySocket();
  readonly #refused = new WeakSet<ServerResponse>();
  #clocks: readonly Ticker[] = [];
  #draining = false;
  #drained: (() => void) | undefined;

  constructor(
    @Inject(STREAMING_OPTIONS) { http }: ResolvedOptions,
    shutdown: CoordinatorShutdown,
    private readonly sessions: Http2Sessions,
  ) {
    this.#http = http;
    this.#places = new StreamPlaces(http.maxStreams, http.maxStreamsPerTask);
    shutdown.register(this);
  }

  /** Whether no further stream of this task is served. */
  isFull(run: TaskRun): boolean {
    return this.#places.isFull(run);
  }

  /**
   * The stream of a task for Nest's `@Sse()`: subscribed to it is open, completed it ends. Its place is taken here and
   * now, before anybody else can ask whether there is one.
   */
  watch(init: Omit<StreamInit, 'retry'>): Observable<never> {
    const { response, run } = init;
    if (isGone(response)) return EMPTY;
    this.#track(response, this.#places.take(run));
    return new Observable((stream) => {
      const hub = this.#hubOf(run);
      const connection = new StreamConnection({ ...init, retry: this.#http.retry }, hub, stream);
      if (this.#responses.has(response)) this.#responses.set(response, connection);
      stream.add(() => {
        if (hub.size === 0) this.#hubs.delete(run);
      });
      onceHeadersAreSent(response, stream, () => connection.open());
    });
  }

  /** A stream that only says when to come back: an EventSource never comes back after an error status. */
  refuse(response: ServerResponse): Observable<never> {
    if (isGone(response)) return EMPTY;
    this.#track(response, () => {});
    this.#refused.add(response);
    return new Observable((stream) => {
      onceHeadersAreSent(response, stream, () => {
        response.write(`retry: ${jittered(this.#http.retry)}\n`);
        stream.complete();
      });
    });
  }

  /** The answer to a `HEAD`: the headers of a stream, and no place taken. */
  headersOnly(response: ServerResponse): Observable<never> {
    return new Observable((stream) => {
      onceHeadersAreSent(response, stream, () => stream.complete());
    });
  }

  /** Waits until every client has taken the end of its stream; who has not in time is destroyed. */
  async drain(ms: number): Promise<void> {
    this.#draining = true;
    if (this.#responses.size > 0) await this.#drainWithin(Math.max(ms, leastDrain));
    this.sessions.close();
  }

  async #drainWithin(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = new Timer(ms, () => {
        for (const response of this.#responses.keys()) destroy(response);
      });
      this.#drained = () => {
        timer.clear();
        resolve();
      };
    });
  }

  #hubOf(run: TaskRun): StreamHub {
    const hub = this.#hubs.get(run) ?? new StreamHub(run, this.#queue);
    this.#hubs.set(run, hub);
    return hub;
  }

  #track(response: ServerResponse, onClose: () => void): void {
    this.#responses.set(response, undefined);
    if (this.#clocks.length === 0) this.#startClocks();
    const untrack = (): void => {
      if (!this.#responses.delete(response)) return;
      onClose();
      const isLast = isHttp1(response) && this.#sockets.remove(response);
      // Kept alive, the connection would hold the server's close for seconds.
      if (isLast && (this.#draining || this.#refused.has(response))) response.req.socket.destroySoon();
      if (this.#responses.size > 0) return;
      for (const ticker of this.#clocks) ticker.clear();
      this.#clocks = [];
      this.#drained?.();
    };
    response.once('close', untrack);
    if (isHttp1(response)) this.#sockets.add(response, untrack);
  }

  #startClocks(): void {
    const { heartbeat, stallTimeout } = this.#http;
    const beat = (): void => {
      for (const connection of this.#responses.values()) connection?.beat();
    };
    const checkProgress = (): void => {
      const now = clock().now();
      for (const [response, connection] of this.#responses) {
        if (connection?.isStalled(now, stallTimeout)) this.#giveUp(response);
      }
    };
    this.#clocks = [
      new Ticker(heartbeat, beat),
      new Ticker(Math.ceil(stallTimeout / stallChecks), checkProgress),
    ];
  }

  /** Cut off, not ended: an ended response would keep what the client does not read. */
  #giveUp(response: ServerResponse): void {
    this.sessions.stalled(response);
    cutOff(response);
  }
}

/** Between one and three times what is set, so that clients that were cut together do not come back together. */
function jittered(retry: number): number {
  return Math.min(Math.round(retry * (1 + 2 * Math.random())), 2 ** 31 - 1);
}

/**
 * Calls back when Nest has sent the headers, which it does a turn after it subscribed; nothing may be written before,
 * and nothing the Observable could emit would make it sooner and leave the wire as documented.
 */
function onceHeadersAreSent(response: ServerResponse, stream: Subscriber<never>, callback: () => void): void {
  const check = (): void => {
    if (stream.closed) return;
    if (response.headersSent) callback();
    else setTimeout(check, 1);
  };
  // A turn later than the timer that Nest sets when `subscribe` returns.
  queueMicrotask(() => setTimeout(check, 0));
}

/** Its client has left, or somebody else has answered while it was decided whether to. */
function isGone(response: ServerResponse): boolean {
  return response.req.socket.destroyed || response.writableEnded || response.destroyed;
}

/** Its client may not hold up the server's close: neither may a session that it does not read. */
function destroy(response: ServerResponse): void {
  if (isHttp1(response)) cutOff(response);
  else destroySession(response);
}
