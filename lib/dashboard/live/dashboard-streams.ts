import { within } from '../../cancellation/time/countdown.js';
import { type BeforeApplicationShutdown, Injectable, ServiceUnavailableException } from '@nestjs/common';
import {
  type PlatformRequest,
  type PlatformResponse,
  rawResponse,
} from '../../http/request/http-exchange.js';
import type { TaskRef } from '../../task/task-ref.js';
import { snapshotOf } from '../../task/task-record.js';
import { DashboardAccess } from '../access/dashboard-access.js';
import { DashboardEngine } from '../dashboard-engine.js';
import { CancelTimes } from './cancel-times.js';
import { EventWriter } from './event-writer.js';
import { LiveList } from './live-list.js';
import { LiveTask } from './live-task.js';
import { readFilter } from './task-filter.js';
import { TaskTable } from './task-table.js';

/** Open pages of this process. */
const MOST = 500;
const MAX_LIMIT = 2_000;
const DEFAULT_LIMIT = 200;
/** How long the last look at all tasks may take, in milliseconds. */
const LAST_LOOK = 1_000;

/** All streams of the dashboard. They end before the HTTP server closes: it waits for them. */
@Injectable()
export class DashboardStreams implements BeforeApplicationShutdown {
  readonly #open = new Set<EventWriter>();
  #isClosing = false;

  constructor(
    private readonly source: DashboardEngine,
    private readonly table: TaskTable,
    private readonly times: CancelTimes,
    private readonly access: DashboardAccess,
  ) {}

  /** @throws InvalidQueryError, and ForbiddenException */
  async list(query: URLSearchParams, request: PlatformRequest, response: PlatformResponse): Promise<void> {
    await this.access.check('view', request);
    const filter = readFilter(Object.fromEntries(query));
    const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
    const most = Number.isInteger(limit) && limit > 0 ? Math.min(limit, MAX_LIMIT) : DEFAULT_LIMIT;
    const writer = this.open(request, response, 'text/event-stream');
    if (!writer.isOver) new LiveList(this.table, this.access, writer, filter, most, request).begin();
  }

  /** @throws TaskNotFoundError, of a task that may not be seen too */
  async task(
    ref: TaskRef,
    after: string | undefined,
    request: PlatformRequest,
    response: PlatformResponse,
  ): Promise<void> {
    const view = await this.source.find(ref);
    await this.access.checkSeen(snapshotOf(view.record), request);
    const writer = this.open(request, response, 'text/event-stream');
    if (!writer.isOver) {
      new LiveTask(this.source, this.access, this.times, writer, view, after, request).begin();
    }
  }

  /** @throws ServiceUnavailableException */
  open(request: PlatformRequest, response: PlatformResponse, type: string): EventWriter {
    if (this.#isClosing || this.#open.size >= MOST) {
      throw new ServiceUnavailableException({
        statusCode: 503,
        code: this.#isClosing ? 'SHUTTING_DOWN' : 'TOO_MANY_STREAMS',
        message: this.#isClosing ? 'The application is closing' : 'Too many pages are open',
      });
    }
    const writer = new EventWriter(response, type, () => this.#open.delete(writer));
    this.#open.add(writer);
    if (request.method === 'HEAD' || rawResponse(response).destroyed) writer.end();
    return writer;
  }

  /** All tasks of this process have ended by now. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#isClosing = true;
    if (this.#open.size > 0) await within(LAST_LOOK, this.table.look());
    for (const writer of this.#open) {
      if (writer.isReady) writer.onClosing?.();
      writer.close();
    }
  }
}
