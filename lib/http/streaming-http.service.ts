import { randomUUID } from 'node:crypto';
import { HttpStatus, Inject, Injectable, type MessageEvent } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { within } from '../cancellation/time/countdown.js';
import { CoordinatorShutdown } from '../coordinator/coordinator-shutdown.js';
import { CoordinatorService } from '../coordinator/coordinator.service.js';
import { DEFAULT_LIST_LIMIT } from '../coordinator/coordinator.options.js';
import type { TaskView } from '../engine/task-view.js';
import { RunHandle, sendSignal } from '../coordinator/task-handle.js';
import { TaskEngine } from '../engine/task-engine.js';
import { TaskTypeRegistry } from '../task-types/task-type.registry.js';
import { type ResolvedOptions, STREAMING_OPTIONS } from '../streaming.options.js';
import { ShuttingDownError } from '../task/errors.js';
import { assertTaskRef, type TaskRef, type TaskTypeRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { isTerminal } from '../task/task-status.js';
import {
  forbidStoring,
  type PlatformRequest,
  type PlatformResponse,
  rawResponse,
} from './request/http-exchange.js';
import {
  asHttpError,
  ended,
  anotherRun,
  setErrorHeaders,
  StreamingHttpException,
  tooLate,
  typeNotFound,
} from './errors/http-errors.js';
import { inputSchemaOf } from './openapi/task-inputs.js';
import { queryFilter, queryText, queryWait } from './request/http-query.js';
import { jsonBody } from './request/json-body.js';
import { publicSnapshot } from './access/public-snapshot.js';
import { type StreamPathOptions, StreamPaths } from './stream-paths.js';
import { TaskAccess } from './access/task-access.js';
import { TaskStreams } from './task-streams.js';
import { textOfOption } from './request/text-of-option.js';
import { visibleTasks } from './access/visible-tasks.js';

/**
 * What a `DELETE` answers.
 *
 * @publicApi
 */
export interface CancelAnswer {
  readonly cancelled: true;
  readonly status: 'cancelling' | 'cancelled';
}

/**
 * What a list answers.
 *
 * @publicApi
 */
export interface ListAnswer {
  readonly items: readonly TaskSnapshot[];
  readonly nextCursor: string | null;
}

/**
 * What the task types of a server take and send, as JSON Schema; `null` where nothing says what it is.
 *
 * @publicApi
 */
export interface TypesAnswer {
  readonly tasks: readonly (TaskTypeRef & {
    /** As a client sends it. */
    readonly input: JsonSchema | null;
    readonly result: JsonSchema | null;
    readonly events: JsonSchema | null;
    readonly state: JsonSchema | null;
  })[];
}

/**
 * A JSON Schema.
 *
 * @publicApi
 */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * What the built-in routes do, for routes of your own: each method does everything that one route does, with its checks and
 * answers.
 *
 * @publicApi
 */
@Injectable()
export class StreamingHttpService {
  constructor(
    @Inject(STREAMING_OPTIONS) private readonly options: ResolvedOptions,
    private readonly coordinator: CoordinatorService,
    private readonly shutdown: CoordinatorShutdown,
    private readonly types: TaskTypeRegistry,
    private readonly engine: TaskEngine,
    private readonly access: TaskAccess,
    private readonly streams: TaskStreams,
    private readonly paths: StreamPaths,
  ) {}

  /**
   * The path of a task's stream, with the global prefix, the version of URI versioning and the path of the controller.
   * The other routes of the task begin with it.
   *
   * @param options for a controller of your own, and for prefixes with parameters
   * @throws InvalidTaskIdError; InvalidOptionsError where it cannot be told which controller is meant
   * @example
   * constructor(private readonly streamingHttp: StreamingHttpService) {}
   * …
   * return { events: this.streamingHttp.streamPath(task.ref) }; // '/api/v1/stream/app/ReportTask/7'
   */
  streamPath(ref: TaskRef, options?: StreamPathOptions): string {
    return this.paths.pathOf(ref, options);
  }

  /**
   * The events of one task, for a route with `@Sse()`.
   *
   * @param isIntercepted whether interceptors see the events, where `http.interceptEvents` is not set
   */
  watch(
    ref: TaskRef,
    request: PlatformRequest,
    response: PlatformResponse,
    isIntercepted: boolean = false,
  ): Promise<Observable<MessageEvent>> {
    return this.#stream(response, () => this.streams.watch(ref, { request, response, isIntercepted }));
  }

  /** The events of the tasks that `?task=app/name/id&task=…` names, on one stream. For a route with `@Sse()`. */
  watchAll(
    request: PlatformRequest,
    response: PlatformResponse,
    isIntercepted: boolean = false,
  ): Promise<Observable<MessageEvent>> {
    return this.#stream(response, () => this.streams.watchAll({ request, response, isIntercepted }));
  }

  status(ref: TaskRef, request: PlatformRequest, response: PlatformResponse): Promise<TaskSnapshot> {
    return this.#answer(response, async () => this.#snapshot(await this.access.find('status', ref, request)));
  }

  cancel(
    ref: TaskRef,
    request: PlatformRequest,
    response: PlatformResponse,
  ): Promise<CancelAnswer | TaskSnapshot> {
    return this.#answer(response, async () => {
      const task = await this.access.find('cancel', ref, request);
      const detail = queryText(request, 'detail');
      const wait = queryWait(request);
      if (!matchesEpoch(request, task)) throw anotherRun(ref);
      const status = await task.requestCancel(detail ? { detail } : {});
      if (status === 'ended') throw ended(ref);
      if (status === 'decided') throw tooLate(ref);
      if (wait !== undefined) {
        await within(wait, task.outcome);
        if (isTerminal(task.status)) return this.#snapshot(task);
      }
      response.status(HttpStatus.ACCEPTED);
      return { cancelled: true, status };
    });
  }

  /** `PUT`, or `POST` when there is no id. */
  start(
    type: TaskTypeRef,
    id: string | undefined,
    request: PlatformRequest,
    response: PlatformResponse,
  ): Promise<TaskSnapshot> {
    return this.#answer(response, async () => {
      const ref: TaskRef = { ...type, id: id ?? randomUUID() };
      assertTaskRef(ref);
      if (!this.types.find(type)) throw typeNotFound(type);
      const existing = await this.engine.find(ref);
      await this.access.check('start', ref, request, existing?.owner);
      if (this.shutdown.isShuttingDown) throw new ShuttingDownError();
      const { http, where } = this.options;
      const owner = textOfOption('http.owner', where, http.owner, request);
      const input = (await jsonBody(request)) ?? {};
      const handle = await this.coordinator.start(type, input, {
        id: ref.id,
        ...(owner !== undefined && { owner }),
      });
      // It may be found no more: an ended task may be kept for no time at all.
      const task = RunHandle.viewOf(handle);
      // The authorizer allowed the id as it was then. Another client may have started it since.
      if (!handle.created && task !== existing) await this.access.check('start', ref, request, task.owner);
      response.status(handle.created ? HttpStatus.CREATED : HttpStatus.OK);
      if (handle.created)
        response.header('Location', `${pathOf(request)}${id === undefined ? `/${ref.id}` : ''}`);
      return this.#snapshot(task);
    });
  }

  signal(ref: TaskRef, name: string, request: PlatformRequest, response: PlatformResponse): Promise<void> {
    return this.#answer(response, async () => {
      const task = await this.access.find('signal', ref, request);
      const data = await jsonBody(request);
      if (!(await sendSignal(task, name, data))) throw ended(ref);
    });
  }

  /** Only the tasks that the client may see. Neither the items nor the cursor tell how many others there are. */
  list(request: PlatformRequest, response: PlatformResponse): Promise<ListAnswer> {
    return this.#answer(response, async () => {
      const { limit = DEFAULT_LIST_LIMIT, ...query } = queryFilter(request);
      const { views, nextCursor } = await visibleTasks(
        this.engine,
        query,
        limit,
        async ({ ref, owner }) => (await this.access.ask('list', ref, request, owner)) === true,
        () => rawResponse(response).destroyed,
      );
      return { items: views.map((task) => this.#snapshot(task)), nextCursor };
    });
  }

  /** All task types of the application, by `app` and `name`. Who may see them is up to the guards. */
  listTypes(response: PlatformResponse): Promise<TypesAnswer> {
    return this.#answer(response, () => {
      const tasks = this.types.all.map(({ app, name, input }) => ({
        app,
        name,
        input: (input && inputSchemaOf(input, 'draft-07')) ?? null,
        // A handler declares these as types alone.
        result: null,
        events: null,
        state: null,
      }));
      return { tasks: tasks.toSorted(byPath) };
    });
  }

  #snapshot({ record }: TaskView): TaskSnapshot {
    return publicSnapshot(record, this.access.isAuthorized);
  }

  /** Turns this package's errors into HTTP answers. */
  async #answer<T>(response: PlatformResponse, body: () => T | Promise<T>): Promise<T> {
    forbidStoring(response);
    try {
      return await body();
    } catch (error) {
      throw this.#httpError(response, error);
    }
  }

  /** Likewise for a stream, which brings its own headers. */
  async #stream<T>(response: PlatformResponse, body: () => T | Promise<T>): Promise<T> {
    try {
      const stream = body();
      return stream instanceof Promise ? await stream : stream;
    } catch (error) {
      forbidStoring(response);
      throw this.#httpError(response, error);
    }
  }

  #httpError(response: PlatformResponse, error: unknown): unknown {
    const answer = asHttpError(error);
    if (answer instanceof StreamingHttpException)
      setErrorHeaders(response, answer, this.shutdown.isShuttingDown);
    return answer;
  }
}

/** `If-Match` names the run that is meant: another one may have its id by now. */
function matchesEpoch({ headers }: PlatformRequest, { log }: TaskView): boolean {
  const wanted = headers['if-match'];
  if (wanted === undefined || wanted.trim() === '*') return true;
  return wanted.split(',').some((tag) => tag.trim().replaceAll('"', '') === log.epoch);
}

/** The path alone: a client may ask in absolute form, and for a host of its choice. */
function pathOf({ url = '', originalUrl = url }: PlatformRequest): string {
  return originalUrl
    .replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '')
    .replace(/[?#].*$/s, '')
    .replace(/\/+$/, '');
}

function byPath(one: TaskTypeRef, other: TaskTypeRef): number {
  return `${one.app}/${one.name}` < `${other.app}/${other.name}` ? -1 : 1;
}
