import type { ServerResponse } from 'node:http';
import { Inject, Injectable, type MessageEvent } from '@nestjs/common';
import { EMPTY, Observable, type Subscriber } from 'rxjs';
import { clock } from '../../cancellation/time/clock.js';
import { CoordinatorShutdown, type ShutdownParticipant } from '../../coordinator/coordinator-shutdown.js';
import type { TaskView } from '../../engine/task-view.js';
import { chunkOf, type EventChunk } from '../../log/event-chunk.js';
import {
  type ResolvedHttpOptions,
  type ResolvedOptions,
  STREAMING_OPTIONS,
} from '../../streaming.options.js';
import { isHttp1 } from '../http-exchange.js';
import { abortResponse } from './output/abort-response.js';
import { EmittedConnection } from './connection/emitted-connection.js';
import { FlushQueue } from './broadcast/flush-queue.js';
import { FramedConnection } from './connection/framed-connection.js';
import { Http2Sessions } from './output/http2-sessions.js';
import { type NestReceiver, NestWriter } from './output/nest-writer.js';
import { isGone, OpenResponses } from './output/open-responses.js';
import { NestCarrier, ownCarrier, type StreamCarrier } from './output/stream-carrier.js';
import { prepareConnection } from './output/stream-head.js';
import type { StreamConnection } from './connection/stream-connection.js';
import { LogBroadcast } from './broadcast/log-broadcast.js';
import { StreamObservable, type StreamRequest } from './stream-observable.js';
import { type ReachedLimit, StreamLimits } from './stream-limits.js';
import { Sweep } from './sweep.js';
import { TaskConnection } from './connection/task-connection.js';
import { TasksEnvelope } from './connection/tasks-envelope.js';
import type { WatchedTask } from './watched-task.js';

/** How many times in a `stallTimeout` a client's progress is looked at. */
const STALL_CHECKS = 4;
/** How many times in a `maxAge` the age of the connections is. */
const AGE_CHECKS = 20;
/** A connection is to end between these shares of its `maxAge`: after the last one, a round of checks still fits. */
const [MIN_AGE, MAX_AGE] = [0.8, 0.95];

/** Every stream this process serves: how many there may be, their heartbeat, and their end. */
@Injectable()
export class StreamConnections implements ShutdownParticipant {
  readonly #http: ResolvedHttpOptions;
  readonly #limits: StreamLimits;
  readonly #responses = new OpenResponses<StreamConnection>();
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
    this.#limits = new StreamLimits(http);
    const greeting = `retry: ${http.retry}\n: connected\n`;
    this.#greeting = chunkOf(greeting);
    this.#ownGreeting = chunkOf(`\n${greeting}`);
    shutdown.register(this);
  }

  /** Why no further stream is served of these tasks, or for this principal. */
  reachedLimit(runs: readonly TaskView[], principal: string | undefined): ReachedLimit | undefined {
    return this.#limits.reachedLimit(runs, principal);
  }

  /**
   * A stream for Nest's `@Sse()`. It is open when subscribed, and ended when completed. Its place is taken in this call,
   * before another request can check for one.
   */
  watch(request: StreamRequest): Observable<MessageEvent> {
    const { response, tasks, principal } = request;
    if (isGone(response)) return EMPTY;
    const runs = tasks.map(({ run }) => run);
    // An interceptor that subscribes once more has the handler called again, for the same response: it has its place.
    if (!this.#responses.has(response)) this.#track(response, this.#limits.take(runs, principal));
    return new StreamObservable(request, this.#connect);
  }

  /** A stream that only says when to come back: an EventSource never comes back after an error status. */
  refuse(response: ServerResponse): Observable<never> {
    if (isGone(response)) return EMPTY;
    this.#track(response, () => {});
    this.#responses.endsConnection(response);
    return new Observable((stream) => {
      whenOpen(response, stream, () => response.write(`retry: ${jittered(this.#http.retry)}\n`));
    });
  }

  /** The answer to a `HEAD`: the headers of a stream, and no place taken. */
  headersOnly(response: ServerResponse): Observable<never> {
    if (isGone(response)) return EMPTY;
    this.#track(response, () => {});
    return new Observable((stream) => {
      whenOpen(response, stream, () => {});
    });
  }

  /** Waits until every client has taken the end of its stream. Connections that have not in time are destroyed. */
  drain(ms: number): Promise<void> {
    return this.#responses.drain(ms);
  }

  readonly #connect = (request: StreamRequest, carrier: StreamCarrier): StreamConnection => {
    const connection = this.#connectionFor(request, carrier);
    this.#responses.use(request.response, connection);
    return connection;
  };

  #connectionFor(
    { response, tasks, list, isIntercepted }: StreamRequest,
    carrier: StreamCarrier,
  ): StreamConnection {
    const { maxAge, heartbeat } = this.#http;
    const isOwn = carrier === ownCarrier;
    if (isOwn) prepareConnection(response, heartbeat);
    const greeting = isOwn ? this.#ownGreeting : this.#greeting;
    const init = { response, carrier, greeting, endsAt: endOf(maxAge) };
    const broadcastOf = ({ run }: WatchedTask): LogBroadcast => this.#broadcastOf(run);
    const [task] = tasks;
    const envelope = list && new TasksEnvelope(list);
    if (isIntercepted && carrier instanceof NestCarrier)
      return new EmittedConnection({ ...init, carrier }, tasks, broadcastOf, envelope);
    return task && !list
      ? new TaskConnection(init, task, broadcastOf(task))
      : new FramedConnection(init, tasks, broadcastOf, envelope);
  }

  #broadcastOf(run: TaskView): LogBroadcast {
    let broadcast = this.#broadcasts.get(run);
    if (!broadcast) {
      broadcast = new LogBroadcast(run, this.#queue, () => this.#broadcasts.delete(run));
      this.#broadcasts.set(run, broadcast);
    }
    return broadcast;
  }

  #track(response: ServerResponse, onClose: () => void): void {
    if (this.#sweeps.length === 0) this.#startSweeps();
    this.#responses.add(response, () => {
      onClose();
      if (this.#responses.size > 0) return;
      for (const sweep of this.#sweeps) sweep.stop();
      this.#sweeps = [];
    });
    // Nest says that it is kept alive, even if the client has asked to close.
    if (!wantsKeepAlive(response)) this.#responses.endsConnection(response);
  }

  /** Two timers for all connections, however many. */
  #startSweeps(): void {
    const { heartbeat, stallTimeout, maxAge } = this.#http;
    const all = (): Iterator<StreamConnection> => this.#responses.users();
    const checkEvery = Math.ceil(Math.min(stallTimeout / STALL_CHECKS, (maxAge ?? Infinity) / AGE_CHECKS));
    this.#sweeps = [
      new Sweep(heartbeat, all, (connection) => connection.beat(), this.#queue),
      new Sweep(checkEvery, all, (connection) => this.#check(connection), this.#queue),
    ];
  }

  #check(connection: StreamConnection): void {
    const now = clock().now();
    if (connection.isOld(now)) this.#end(connection);
    else if (connection.isStalled(now, this.#http.stallTimeout)) this.#giveUp(connection);
  }

  /** With its socket or session: on one that is kept alive its client would come back to this same process. */
  #end(connection: StreamConnection): void {
    this.#responses.endsConnection(connection.response);
    this.sessions.leave(connection.response);
    connection.complete();
  }

  /** Cut off, not ended: an ended response would keep what the client does not read. */
  #giveUp(connection: StreamConnection): void {
    const { response } = connection;
    this.sessions.stalled(response);
    connection.within(() => abortResponse(response));
  }
}

/** Ends a stream without events, once the headers are out and `body` was called. Interceptors add nothing to it. */
function whenOpen(response: ServerResponse, stream: Subscriber<never>, body: () => void): void {
  const nest = NestWriter.of(response);
  const ignore: NestReceiver = { receive() {} };
  nest.attach(ignore);
  nest.onceHeadersAreSent(
    () => stream.closed,
    () => {
      body();
      stream.complete();
      nest.end(ignore);
    },
  );
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
