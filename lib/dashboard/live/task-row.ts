import type { TaskView } from '../../engine/task-view.js';
import type { EventTask } from '../../task/on-task-event.decorator.js';
import { taskKey } from '../../task/task-ref.js';
import { snapshotOf } from '../../task/task-record.js';
import type { TaskSnapshot } from '../../task/task-snapshot.js';
import { isTerminal, type TaskStatus } from '../../task/task-status.js';
import type { DashboardAccess } from '../access/dashboard-access.js';

/** A task in the list, as the page gets it. Times are epoch milliseconds. */
export interface RowData {
  readonly key: string;
  readonly app: string;
  readonly name: string;
  readonly id: string;
  readonly status: TaskStatus;
  readonly attempt: number;
  readonly owner?: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly percent?: number;
  readonly message?: string;
  readonly watchers: number;
}

/** Longest message of a row. */
const MAX_MESSAGE = 200;

/** One run of a task in the table. */
export class TaskRow {
  readonly key: string;
  /** When it was created, in epoch milliseconds. */
  readonly createdAt: number;
  /** With owner and metadata: what `access` is asked about. */
  readonly task: EventTask;
  data: RowData;
  /** Of `data`, as it is sent. */
  json: string;
  /** In lower case, of what may be shown: what a text is looked for in. */
  text: string;
  /** When it last changed: counts the looks of the table. */
  version: number;
  #view: WeakRef<TaskView>;

  constructor(view: TaskView, access: DashboardAccess, version: number) {
    const snapshot = snapshotOf(view.record);
    const { app, name, id, owner, metadata } = snapshot;
    this.key = taskKey(view.ref);
    this.createdAt = Date.parse(snapshot.createdAt);
    this.task = {
      app,
      name,
      id,
      ...(owner !== undefined && { owner }),
      ...(metadata !== undefined && { metadata }),
    };
    this.#view = new WeakRef(view);
    this.data = this.#dataOf(snapshot, access);
    this.json = JSON.stringify(this.data);
    this.text = textOf(this.data);
    this.version = version;
  }

  get isActive(): boolean {
    return !isTerminal(this.data.status);
  }

  /** Whether it is this run, and nothing of it can have changed. */
  isSettledAs(view: TaskView): boolean {
    return !this.isActive && this.#view.deref() === view;
  }

  /** @returns `false` where the view is of another run, which needs a row of its own */
  update(view: TaskView, access: DashboardAccess, version: number): boolean {
    const snapshot = snapshotOf(view.record);
    if (Date.parse(snapshot.createdAt) !== this.createdAt) return false;
    this.#view = new WeakRef(view);
    const data = this.#dataOf(snapshot, access);
    const json = JSON.stringify(data);
    if (json === this.json) return true;
    this.data = data;
    this.json = json;
    this.text = textOf(data);
    this.version = version;
    return true;
  }

  /** Of one that may not be shown only its state is. */
  #dataOf(snapshot: TaskSnapshot, access: DashboardAccess): RowData {
    const { app, name, id } = this.task;
    const shown = access.shown(snapshot);
    const message = shown && messageOf(shown);
    const percent = shown?.progress?.percent;
    return {
      key: this.key,
      app,
      name,
      id,
      status: snapshot.status,
      attempt: snapshot.attempt,
      ...(typeof shown?.owner === 'string' && { owner: shown.owner }),
      createdAt: this.createdAt,
      startedAt: timeOf(snapshot.startedAt),
      endedAt: timeOf(snapshot.endedAt),
      ...(typeof percent === 'number' && { percent: Math.round(percent * 10) / 10 }),
      ...(message !== undefined && { message: message.slice(0, MAX_MESSAGE) }),
      watchers: snapshot.watchers,
    };
  }
}

/** What says most of it: why it failed or was cancelled, or else how far it is. */
function messageOf({ error, cancellation, progress }: TaskSnapshot): string | undefined {
  const said: unknown = error?.message ?? cancellation?.detail ?? progress?.message;
  return typeof said === 'string' ? said : undefined;
}

function timeOf(iso: string | null): number | null {
  return iso === null ? null : Date.parse(iso);
}

function textOf({ key, owner = '', message = '' }: RowData): string {
  return `${key} ${owner} ${message}`.toLowerCase();
}
