import { BadRequestException, Injectable } from '@nestjs/common';
import { quoted } from '../cancellation/read-error.js';
import type { TaskView } from '../engine/task-view.js';
import type { PlatformRequest, PlatformResponse } from '../http/request/http-exchange.js';
import type { JsonInput } from '../task/json/json.js';
import { TaskEndedError } from '../task/errors.js';
import type { EventTask } from '../task/on-task-event.decorator.js';
import { assertTaskRef, type TaskRef, taskPath, type TaskTypeRef } from '../task/task-ref.js';
import { snapshotOf } from '../task/task-record.js';
import { DashboardAccess } from './access/dashboard-access.js';
import { BulkCancel } from './bulk-cancel.js';
import { DashboardEngine, type StartableType } from './dashboard-engine.js';
import { CancelTimes } from './live/cancel-times.js';
import { DashboardStreams } from './live/dashboard-streams.js';
import { readStrictFilter } from './live/task-filter.js';
import { TaskTable } from './live/task-table.js';
import type { DashboardAction } from './streaming-dashboard.options.js';

/** What a page must know of the application. */
export interface AboutAnswer {
  readonly types: readonly (StartableType & { readonly mayStart: boolean })[];
  readonly mayBulk: boolean;
  readonly by: string | undefined;
}

type Body = Readonly<Record<string, unknown>>;

/** What the page asks for, each with its rights, and logged with who asked. */
@Injectable()
export class DashboardActions {
  constructor(
    private readonly source: DashboardEngine,
    private readonly table: TaskTable,
    private readonly times: CancelTimes,
    private readonly streams: DashboardStreams,
    private readonly access: DashboardAccess,
  ) {}

  async about(request: PlatformRequest): Promise<AboutAnswer> {
    await this.access.check('view', request);
    const startable = await this.source.types();
    const types = await Promise.all(
      startable.map(async (type) => {
        const { app, name } = type;
        return { ...type, mayStart: await this.access.allows('start', request, { type: { app, name } }) };
      }),
    );
    return { types, mayBulk: await this.access.allows('bulk', request), by: this.access.by(request) };
  }

  /** What somebody may do with one task. */
  async rights(ref: TaskRef, request: PlatformRequest): Promise<Partial<Record<DashboardAction, boolean>>> {
    const view = await this.source.find(ref);
    const task = snapshotOf(view.record);
    await this.access.checkSeen(task, request);
    const { app, name } = ref;
    const [cancel, signal, start] = await Promise.all([
      this.access.allows('cancel', request, { task }),
      this.access.allows('signal', request, { task }),
      this.#mayStartAgain(task, { app, name }, request),
    ]);
    return { cancel, signal, start };
  }

  async cancel(ref: TaskRef, { detail }: Body, request: PlatformRequest): Promise<{ status: string }> {
    const view = await this.#find('cancel', ref, request);
    const text = textOf('detail', detail);
    this.access.log(
      'cancel',
      `${taskPath(ref)}${text === undefined ? '' : `: ${quoted(text, 500)}`}`,
      request,
    );
    const requestedAt = Date.now();
    const by = this.access.by(request);
    const status = await view.requestCancel({
      ...(text !== undefined && { detail: text }),
      ...(by !== undefined && { by }),
    });
    if (status === 'ended' || status === 'decided')
      throw new TaskEndedError(`The task ${taskPath(ref)} has ended, or is about to`);
    this.times.accepted(view, requestedAt);
    void this.table.look();
    return { status };
  }

  async signal(ref: TaskRef, { name, data }: Body, request: PlatformRequest): Promise<object> {
    await this.#find('signal', ref, request);
    const signal = textOf('name', name) ?? '';
    this.access.log('signal', `${quoted(signal)} to ${taskPath(ref)}`, request);
    if (!(await this.source.coordinator.signal(ref, signal, data as JsonInput | undefined))) {
      throw new TaskEndedError(`The task ${taskPath(ref)} has ended, or is about to`);
    }
    return {};
  }

  async start(type: TaskTypeRef, { input, id, restart }: Body, request: PlatformRequest): Promise<object> {
    const given = textOf('id', id);
    // Before they are logged, and handed to `access`.
    assertTaskRef({ ...type, id: given ?? 'new' });
    await this.access.check('start', request, { type });
    const found = given === undefined ? undefined : await this.source.engine.find({ ...type, id: given });
    const task = found && snapshotOf(found.record);
    if (task) {
      // Of one that may not be seen the answer is the same as of one that may not be started.
      await this.access.check('view', request, { task });
      await this.access.check('start', request, { type, task });
    }
    this.access.log(
      'start',
      `${type.app}/${type.name}${given === undefined ? '' : ` as ${quoted(given)}`}`,
      request,
    );
    const handle = await this.source.coordinator.start(type, input, {
      ...(given !== undefined && { id: given }),
      // One that came meanwhile was not asked about.
      restart: restart === true && task !== undefined,
      ...(task?.owner !== undefined && { owner: task.owner }),
      ...(task?.metadata !== undefined && { metadata: task.metadata }),
    });
    void this.table.look();
    return { ...handle.ref, created: handle.created };
  }

  /** Cancels all that a filter matches, and those that come meanwhile. It tells how far it is, a line of JSON each time. */
  async cancelAll(
    { filter, detail }: Body,
    request: PlatformRequest,
    response: PlatformResponse,
  ): Promise<void> {
    await this.access.check('bulk', request);
    const matched = readStrictFilter(filter);
    const text = textOf('detail', detail);
    const writer = this.streams.open(request, response, 'application/x-ndjson');
    try {
      this.access.log('bulk', `cancel all of ${quoted(JSON.stringify(filter), 500)}`, request);
      const bulk = new BulkCancel(this.source, this.table, this.times, this.access, matched, text, request);
      const outcome = await bulk.run(writer);
      this.access.log('bulk', `cancel all: ${JSON.stringify(outcome)}`, request);
    } finally {
      writer.end();
    }
  }

  async #mayStartAgain(task: EventTask, type: TaskTypeRef, request: PlatformRequest): Promise<boolean> {
    if (!(await this.access.allows('start', request, { type }))) return false;
    return this.access.allows('start', request, { type, task });
  }

  async #find(action: DashboardAction, ref: TaskRef, request: PlatformRequest): Promise<TaskView> {
    const view = await this.source.find(ref);
    const task = snapshotOf(view.record);
    await this.access.checkSeen(task, request);
    await this.access.check(action, request, { task });
    return view;
  }
}

function textOf(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new BadRequestException(`Invalid "${name}": expected a text`);
}
