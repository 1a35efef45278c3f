import type { ServerResponse } from 'node:http';
import { Inject, Injectable, type MessageEvent } from '@nestjs/common';
import { EMPTY, type Observable } from 'rxjs';
import { clock } from '../../cancellation/time/clock.js';
import { CoordinatorShutdown, type ShutdownParticipant } from '../../coordinator/coordinator-shutdown.js';
import type { TaskView } from '../../engine/task-view.js';
import { chunkOf, type EventChunk } from '../../log/wire/event-chunk.js';
import {
  type ResolvedHttpOptions,
  type ResolvedOptions,
  STREAMING_OPTIONS,
} from '../../streaming.options.js';
import { isHttp1 } from '../request/http-exchange.js';
import { FlushQueue } from './broadcast/flush-queue.js';
import { LogBroadcast } from './broadcast/log-broadcast.js';
import { OwnStream } from './connection/own-stream.js';
import { SharedStream } from './connection/shared-stream.js';
import type { StreamConnection } from './connection/stream-connection.js';
import { isWatched } from './connection/task-list.js';
import { emptyStream } from './empty-stream.js';
import { Http2Sessions } from './output/http2-sessions.js';
import { isGone, OpenResponses } from './open-responses.js';
import { NestCarrier, ownCarrier, type StreamCarrier } from './output/stream-carrier.js';
import { prepareConnection } from './output/stream-head.js';
import { StreamObservable, type StreamRequest } from './stream-observable.js';
import { StreamLimits } from './stream-limits.js';
import { Sweep } from './sweep.js';

/** How many times in a `stallTimeout` a client's progress is looked at. */
const STALL_CHECKS = 4;
/** How many times in a `maxAge` the age of the connections is. */
const AGE_CHECKS = 20;
/** A connection is to end between these shares of its `maxAge`: after the last one, a round of checks still fits. */
const [MIN_AGE, MAX_AGE] = [0.8, 0.95];

/**
 * All streams of this process: what opens them (`watch`), what limits them (`limits`), and what ends them: their task, their
 * client, their age, a client that does not read, and the shutdown (`drain`).
 */
@Injectable()
export class StreamConnections implements ShutdownParticipant {
  readonly limits: StreamLimits;
  /** Whether it is asked who watches. Set by who shows it, before streams are opened. */
  namesWatchers = false;
  readonly #http: ResolvedHttpOptions;
  readonly #responses = new OpenResponses();
  readonly #broadcasts = new Map<TaskView, LogBroadcast>();
  readonly #queue = new FlushQueue();
  readonly #greeting: EventChunk;
  /** Nest writes an empty line before anything else. */
  readonly #ownGreeting: EventChunk;
  #sweeps: readonly Sweep[] = [];

  constructor(
    @Inject(STREAMING_OPTIONS) { http }: ResolvedOptions,
    shutdown: CoordinatorShutdown,
    private readonly sessions: Http2Sessions,
  ) {
    this.#http = http;
    this.limits = new StreamLimits(http);
    const greeting = `retry: ${http.retry}\n: connected\n`;
    this.#greeting = chunkOf(greeting);
    this.#ownGreeting = chunkOf(`\n${greeting}`);
    shutdown.register(this);
  }

  /** Its place is taken in this call, before another request can check for one. */
  watch(request: StreamRequest): Observable<MessageEvent> {
    const { response, tasks, principal } = request;
    if (isGone(response)) return EMPTY;
    const views = tasks.filter(isWatched).map(({ view }) => view);
    // An interceptor that subscribes once more has the handler called again, for the same response: it has its place.
    if (!this.#responses.has(response)) this.#track(response, this.limits.take(views, principal));
    return new StreamObservable(request, this.#connect);
  }

  /** How many clients of this process watch a run, by their names; `undefined` for those without one. */
  watchersOf(view: TaskView): Map<string | undefined, number> {
    const counts = new Map<string | undefined, number>();
    for (const { isCounted, stream } of this.#broadcasts.get(view)?.subscriptions() ?? []) {
      if (isCounted) counts.set(stream.watcher, (counts.get(stream.watcher) ?? 0) + 1);
    }
    return counts;
  }

  /** A stream that only says when to come back: an EventSource never comes back after an error status. */
  refuse(response: ServerResponse): Observable<never> {
    if (isGone(response)) return EMPTY;
    this.#track(response);
    this.#responses.endsConnection(response);
    return emptyStream(response, `retry: ${jittered(this.#http.retry)}\n`);
  }

  /** The answer to a `HEAD`: the headers of a stream, and no place taken. */
  headersOnly(response: ServerResponse): Observable<never> {
    if (isGone(response)) return EMPTY;
    this.#track(response);
    return emptyStream(response);
  }

  drain(ms: number): Promise<void> {
    for (const connection of this.#responses.connections())
      if (connection.isLeft) connection.sendAway(jittered(this.#http.retry));
    return this.#responses.drain(ms);
  }

  /** Until it is closed. */
  #track(response: ServerResponse, onClose?: () => void): void {
    if (this.#sweeps.length === 0) this.#startSweeps();
    this.#responses.add(response, () => {
      onClose?.();
      if (this.#responses.size > 0) return;
      for (const sweep of this.#sweeps) sweep.stop();
      this.#sweeps = [];
    });
    // Nest says that it is kept alive, even if the client has asked to close.
    if (!wantsKeepAlive(response)) this.#responses.endsConnection(response);
  }

  readonly #connect = (
    { response, tasks, isList, isIntercepted, watcher }: StreamRequest,
    carrier: StreamCarrier,
  ): StreamConnection => {
    const { maxAge, heartbeat } = this.#http;
    const isOwn = carrier === ownCarrier;
    if (isOwn) prepareConnection(response, heartbeat);
    const greeting = isOwn ? this.#ownGreeting : this.#greeting;
    const init = { response, carrier, greeting, endsAt: endOf(maxAge), watcher };
    const interceptors = isIntercepted && carrier instanceof NestCarrier ? carrier : undefined;
    const [task] = tasks;
    const connection =
      task && isWatched(task) && !isList && !interceptors
        ? new SharedStream(init, task, this.#broadcastOf(task.view))
        : new OwnStream(init, tasks, isList, (view) => this.#broadcastOf(view), interceptors);
    this.#responses.connect(response, connection);
    return connection;
  };

  #broadcastOf(view: TaskView): LogBroadcast {
    let broadcast = this.#broadcasts.get(view);
    if (!broadcast) {
      broadcast = new LogBroadcast(view.log, this.#queue, () => this.#broadcasts.delete(view));
      this.#broadcasts.set(view, broadcast);
    }
    return broadcast;
  }

  /** Two timers for all connections, however many. */
  #startSweeps(): void {
    const { heartbeat, stallTimeout, maxAge } = this.#http;
    const all = (): Iterator<StreamConnection> => this.#responses.connections();
    const checkEvery = Math.ceil(Math.min(stallTimeout / STALL_CHECKS, (maxAge ?? Infinity) / AGE_CHECKS));
    this.#sweeps = [
      new Sweep(heartbeat, all, (connection) => connection.beat(), this.#queue),
      new Sweep(checkEvery, all, (connection) => this.#check(connection), this.#queue),
    ];
  }

  #check(connection: StreamConnection): void {
    const { response } = connection;
    const now = clock().now();
    if (connection.isOld(now)) {
      // With its socket or session: on one that is kept alive its client would come back to this same process.
      this.#responses.endsConnection(response);
      this.sessions.leave(response);
      connection.complete();
    } else if (connection.isStalled(now, this.#http.stallTimeout)) {
      this.sessions.stalled(response);
      connection.abort();
    }
  }
}

/** Sessions of HTTP/2 are not the client's to end by a header. */
function wantsKeepAlive(response: ServerResponse): boolean {
  return !isHttp1(response) || response.shouldKeepAlive;
}

/** Between one and three times what is set, so that clients that were cut together do not come back together. */
function jittered(retry: number): number {
  return Math.min(Math.round(retry * (1 + 2 * Math.random())), 2 ** 31 - 1);
}

/** So that connections that began together do not end together. */
function endOf(maxAge: number | null): number | undefined {
  if (maxAge === null) return undefined;
  return clock().now() + maxAge * (MIN_AGE + (MAX_AGE - MIN_AGE) * Math.random());
}
