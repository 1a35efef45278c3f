import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import { Timer } from '../cancellation/timer.js';
import { CoordinatorShutdown, type ShutdownParticipant } from '../coordinator/coordinator-shutdown.js';
import type { TaskRun } from '../coordinator/run/task-run.js';
import { type ResolvedHttpOptions, type ResolvedOptions, STREAMING_OPTIONS } from '../streaming.options.js';
import { jittered } from './http-query.js';
import { ResponsesBySocket } from './responses-by-socket.js';
import { StreamConnection, type StreamInit } from './stream-connection.js';

/** Clients get at least this long to take the end of their stream, in milliseconds. */
const leastDrain = 1_000;
/** How many times in a `stallTimeout` a client's progress is looked at. */
const stallChecks = 4;

/** Every stream this process serves: how many there may be, their heartbeat, and their end. */
@Injectable()
export class StreamConnections implements ShutdownParticipant {
  /** Until their response is closed, so also while a slow client still takes the end. */
  readonly #connections = new Map<ServerResponse, StreamConnection | undefined>();
  readonly #perRun = new Map<TaskRun, number>();
  readonly #http: ResolvedHttpOptions;
  #clocks: readonly NodeJS.Timeout[] = [];
  readonly #sockets = new ResponsesBySocket();
  #draining = false;
  #drained: (() => void) | undefined;

  constructor(@Inject(STREAMING_OPTIONS) { http }: ResolvedOptions, shutdown: CoordinatorShutdown) {
    this.#http = http;
    shutdown.register(this);
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Whether no further stream of this task is served. */
  isFull(run: TaskRun): boolean {
    const { maxStreams, maxStreamsPerTask } = this.#http;
    return this.size >= maxStreams || (this.#perRun.get(run) ?? 0) >= maxStreamsPerTask;
  }

  /** The stream of a task for Nest's `@Sse()`: subscribed to it is open, completed it ends. */
  watch(init: Omit<StreamInit, 'retry'>): Observable<never> {
    return new Observable((stream) => {
      const { response, run } = init;
      const connection = new StreamConnection({ ...init, retry: this.#http.retry }, stream);
      this.#perRun.set(run, (this.#perRun.get(run) ?? 0) + 1);
      this.#track(response, connection, () => {
        const rest = (this.#perRun.get(run) ?? 1) - 1;
        if (rest === 0) this.#perRun.delete(run);
        else this.#perRun.set(run, rest);
      });
      onceHeadersAreSent(response, stream, () => connection.open());
    });
  }

  /** A stream that only says when to come back: an EventSource never comes back after an error status. */
  refuse(response: ServerResponse): Observable<never> {
    return new Observable((stream) => {
      this.#track(response, undefined, () => {});
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
    if (this.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = new Timer(Math.max(ms, leastDrain), () => {
        for (const response of this.#connections.keys()) destroy(response);
      });
      this.#drained = () => {
        timer.clear();
        resolve();
      };
    });
  }

  #track(response: ServerResponse, connection: StreamConnection | undefined, onClose: () => void): void {
    this.#connections.set(response, connection);
    if (this.#clocks.length === 0) this.#startClocks();
    const untrack = (): void => {
      if (!this.#connections.delete(response)) return;
      onClose();
      const isLast = isHttp1(response) && this.#sockets.remove(response);
      // Kept alive, the connection would hold the server's close for seconds.
      if (isLast && (this.#draining || !connection)) response.req.socket.destroySoon();
      if (this.size > 0) return;
      for (const clock of this.#clocks) clearInterval(clock);
      this.#clocks = [];
      this.#drained?.();
    };
    response.once('close', untrack);
    if (isHttp1(response)) this.#sockets.add(response, untrack);
  }

  #startClocks(): void {
    const { heartbeat, stallTimeout } = this.#http;
    const each = (call: (connection: StreamConnection) => void) => () => {
      for (const connection of this.#connections.values()) if (connection) call(connection);
    };
    const checkProgress = each((connection) => connection.checkProgress(performance.now(), stallTimeout));
    this.#clocks = [
      setInterval(
        each((connection) => connection.beat()),
        heartbeat,
      ).unref(),
      setInterval(checkProgress, Math.ceil(stallTimeout / stallChecks)).unref(),
    ];
  }
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

function isHttp1(response: ServerResponse): boolean {
  return response.req.httpVersionMajor === 1;
}

/** A response that waits behind a pipelined one has no socket of its own to destroy. */
function destroy(response: ServerResponse): void {
  if (isHttp1(response)) response.req.socket.destroy();
  else response.destroy();
}
