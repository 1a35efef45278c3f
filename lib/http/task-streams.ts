import { HttpException, HttpStatus, Inject, Injectable, type MessageEvent } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import type { StreamingError } from '../cancellation/errors.js';
import { CoordinatorShutdown } from '../coordinator/coordinator-shutdown.js';
import type { TaskView } from '../engine/task-view.js';
import { type Soon, whenHere } from '../engine/soon.js';
import { TaskEngine } from '../engine/task-engine.js';
import { CompositeResume, haveSeenEnd } from '../log/read/composite-resume.js';
import type { LogPosition } from '../log/read/log-cursor.js';
import type { LogReader } from '../log/read/log-reader.js';
import { type From, hasSeenEnd, isGap, resume } from '../log/read/resume.js';
import { type ResolvedOptions, STREAMING_OPTIONS } from '../streaming.options.js';
import { ShuttingDownError, StoreUnavailableError } from '../task/errors.js';
import { assertTaskRef, type TaskRef, taskKey, taskPath } from '../task/task-ref.js';
import {
  acceptsEventStream,
  leaveNoContentUntagged,
  type PlatformRequest,
  type PlatformResponse,
  rawResponse,
} from './request/http-exchange.js';
import { asHttpError, StreamingHttpException } from './errors/http-errors.js';
import { lastEventIdOf, queryFrom, queryTasks } from './request/http-query.js';
import { StreamConnections } from './stream/stream-connections.js';
import { isWatched, type ListedTask } from './stream/connection/task-list.js';
import type { WatchedTask } from './stream/connection/task-subscription.js';
import type { ReachedLimit } from './stream/stream-limits.js';
import { TaskAccess } from './access/task-access.js';
import { textOfOption } from './request/text-of-option.js';

/** A request for a stream. */
interface StreamExchange {
  readonly request: PlatformRequest;
  readonly response: PlatformResponse;
  /** Whether the route has interceptors of its own. */
  readonly isIntercepted: boolean;
}

/** A task of a list, where there is one, and why it may not be watched. */
type Listed = { readonly ref: TaskRef } & (
  | { readonly view: TaskView; readonly error?: undefined }
  | { readonly view: TaskView | undefined; readonly error: StreamingHttpException }
);

/** Opens the streams: of one task, and of many on one connection. */
@Injectable()
export class TaskStreams {
  constructor(
    @Inject(STREAMING_OPTIONS) private readonly options: ResolvedOptions,
    private readonly shutdown: CoordinatorShutdown,
    private readonly engine: TaskEngine,
    private readonly access: TaskAccess,
    private readonly connections: StreamConnections,
  ) {}

  watch(ref: TaskRef, exchange: StreamExchange): Soon<Observable<MessageEvent>> {
    const found = this.access.find('watch', ref, exchange.request);
    if (!(found instanceof Promise)) return this.#watchOne(found, exchange);
    return found
      .then((task) => this.#watchOne(task, exchange))
      .catch((error: unknown) => this.#whileAway(error, exchange));
  }

  #watchOne(view: TaskView, exchange: StreamExchange): Soon<Observable<MessageEvent>> {
    const { request, response } = exchange;
    const lastEventId = lastEventIdOf(request);
    if (hasSeenEnd(view.log, lastEventId)) throw seenEnd(rawResponse(response));
    const from = queryFrom(request);
    if (request.method === 'HEAD') return this.#headersOnly(exchange);
    const position = resume(view.log, { lastEventId, from: fromOf(view, from) });
    return whenHere(this.#watched(view, position, request), (watched) =>
      this.#open([watched], false, exchange),
    );
  }

  /**
   * Watches the tasks of a list that may be watched. The stream reports each of the others by an `unavailable` event, since
   * one missing task must not end the stream of all.
   *
   * @throws the first task's error when none can be watched; any error that the authorizer throws for one of them
   */
  watchAll(exchange: StreamExchange): Promise<Observable<MessageEvent>> {
    return this.#watchAll(exchange).catch((error: unknown) => this.#whileAway(error, exchange));
  }

  async #watchAll(exchange: StreamExchange): Promise<Observable<MessageEvent>> {
    const { request, response } = exchange;
    const refs = queryTasks(request);
    for (const ref of refs) assertTaskRef(ref);
    const listed = await Promise.all(refs.map((ref) => this.#find(ref, request)));
    const watchable = listed.filter(({ error }) => !error);
    const [first] = listed;
    if (watchable.length === 0 && first?.error) throw first.error;
    const lastEventId = lastEventIdOf(request);
    if (haveSeenEnd(logsOf(watchable), lastEventId)) throw seenEnd(rawResponse(response));
    const from = queryFrom(request);
    if (request.method === 'HEAD') return this.#headersOnly(exchange);
    const points = new CompositeResume(
      listed.map(({ ref, view }) => ({ key: taskKey(ref), log: view?.log })),
      lastEventId,
    );
    const tasks = await Promise.all(
      listed.map(async ({ ref, view, error }, index): Promise<ListedTask> => {
        if (!error) return this.#watched(view, points.positionOf(index, fromOf(view, from)), request);
        return { ref, code: error.code, message: error.message, id: points.partOf(index) };
      }),
    );
    return this.#open(tasks, true, exchange);
  }

  async #find(ref: TaskRef, request: PlatformRequest): Promise<Listed> {
    try {
      return { ref, view: await this.access.find('watch', ref, request) };
    } catch (error) {
      // It says nothing of this task alone.
      if (error instanceof StoreUnavailableError) throw error;
      const answer = asHttpError(error);
      if (!(answer instanceof StreamingHttpException)) throw error;
      return { ref, view: await this.engine.find(ref), error: answer };
    }
  }

  #watched(view: TaskView, position: LogPosition, request: PlatformRequest): Soon<WatchedTask> {
    if (!isGap(view.log, position)) return { view, position, showsPrivate: false };
    return this.access.showsPrivate(view, request).then((showsPrivate) => ({ view, position, showsPrivate }));
  }

  /** The store does not answer: an EventSource would not come back after a 503. */
  #whileAway(error: unknown, { request, response }: StreamExchange): Observable<never> {
    if (!(error instanceof StoreUnavailableError) || !acceptsEventStream(request)) throw error;
    const raw = rawResponse(response);
    return request.method === 'HEAD' ? this.connections.headersOnly(raw) : this.connections.refuse(raw);
  }

  /** No place is taken, so no limit is looked at. */
  #headersOnly({ request, response }: StreamExchange): Observable<never> {
    if (this.shutdown.isShuttingDown && !acceptsEventStream(request)) throw new ShuttingDownError();
    return this.connections.headersOnly(rawResponse(response));
  }

  #open(
    tasks: readonly ListedTask[],
    isList: boolean,
    { request, response, isIntercepted }: StreamExchange,
  ): Observable<MessageEvent> {
    const { http, where } = this.options;
    // A promise would be a new principal each time, so the limit would never be reached.
    const principal = textOfOption('http.principal', where, http.principal, request);
    const refusal = this.#refusal(tasks, principal);
    if (!refusal) {
      return this.connections.watch({
        response: rawResponse(response),
        // Fastify's `handlerTimeout` would cut an open stream off, so it is told that the response is taken care of.
        onOpen: () => void response.hijack?.(),
        tasks,
        isList,
        isIntercepted: http.interceptEvents ?? isIntercepted,
        principal,
        watcher: this.connections.namesWatchers ? this.#watcherOf(request) : undefined,
      });
    }
    if (acceptsEventStream(request)) return this.connections.refuse(rawResponse(response));
    throw refusal;
  }

  /** Who watches, as `http.owner` names who starts. It is only shown: a stream opens also when it throws. */
  #watcherOf(request: PlatformRequest): string | undefined {
    const { http, where } = this.options;
    try {
      return textOfOption('http.owner', where, http.owner, request);
    } catch {
      return undefined;
    }
  }

  #refusal(
    tasks: readonly ListedTask[],
    principal: string | undefined,
  ): StreamingError | StreamingHttpException | undefined {
    if (this.shutdown.isShuttingDown) return new ShuttingDownError();
    const views = tasks.filter(isWatched).map(({ view }) => view);
    const reached = this.connections.limits.reachedLimit(views, principal);
    return reached && tooManyStreams(reached);
  }
}

function logsOf(tasks: readonly Listed[]): LogReader[] {
  return tasks.flatMap(({ view }) => (view ? [view.log] : []));
}

/** A task without a state begins with its newest event. */
function fromOf({ folded }: TaskView, from: From | undefined): From | undefined {
  return from === 'state' && !folded ? 'latest' : from;
}

/** So that an EventSource does not come back. */
function seenEnd(response: ServerResponse): HttpException {
  leaveNoContentUntagged(response);
  return new HttpException('', HttpStatus.NO_CONTENT);
}

function tooManyStreams({ option, task }: ReachedLimit): StreamingHttpException {
  const onAccount = option === 'maxStreamsPerPrincipal' ? ' on your account' : '';
  const whose = task ? ` of the task ${taskPath(task.ref)}` : onAccount;
  return new StreamingHttpException(
    'TOO_MANY_STREAMS',
    `As many streams${whose} are open as "${option}" allows; try again later`,
  );
}
