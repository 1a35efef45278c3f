import type { CancelReason } from '../../cancellation/cancel-reason.js';
import { formatEventId } from '../../log/wire/event-id.js';
import type { AcceptedRequest } from '../../run/task-history.js';
import type { Json } from '../../task/json/json.js';
import type { ErrorSummary, TaskRecord } from '../../task/task-record.js';
import type { TaskRef } from '../../task/task-ref.js';
import type { Progress } from '../../task/task-snapshot.js';
import type { TaskStatus } from '../../task/task-status.js';
import type { NewStoredTask } from './redis-tasks.js';
import { taskFields } from './scripts/read.js';

/** What an outcome says that nothing else of a task does. The runs of the task write it. */
export interface StoredFacts {
  /** When its handler was first called, in epoch milliseconds of Redis. */
  readonly calledAt?: number;
  /** Requests to cancel it that were accepted. */
  readonly requests?: readonly AcceptedRequest[];
  /** Whether that is all of them. Those of earlier tries alone were all withdrawn. */
  readonly isWhole?: true;
  readonly swallowed?: true;
  readonly abandoned?: true;
  /** Whether somebody was warned that its `backoff` gives no delay. */
  readonly isWarned?: true;
  /** Where its handler has moved the total timeout. `null` for none. */
  readonly limit?: TimeLimit | null;
}

/** The total timeout of a task. */
export interface TimeLimit {
  /** As it was given, in milliseconds. */
  readonly timeout: number;
  /** When it ends, in milliseconds since the first try began. */
  readonly end: number;
}

/** A task as Redis holds it. What is JSON stays JSON here. */
export interface StoredTask {
  readonly epoch: string;
  readonly status: TaskStatus;
  /** Of the current or last try, from 1; 0 before the first. */
  readonly attempt: number;
  /** How many of the tries cost none of the attempts. */
  readonly freeAttempts: number;
  /** Times are those of Redis, in epoch milliseconds. */
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** What it was started with, besides its input: JSON of the engine's own. */
  readonly options: string;
  readonly owner: string | null;
  readonly metadata: string | null;
  readonly progress: string | null;
  readonly cancellation: string | null;
  readonly finalValue: string | null;
  readonly error: string | null;
  /** What watchers may see of the error. */
  readonly publicError: string | null;
  /** What the events up to `lastSeq` are folded to; `null` where its type has no `state`. */
  readonly state: string | null;
  /** The same before the terminal event, where that has changed it. */
  readonly stateBefore: string | null;
  /** What else its outcome says. */
  readonly facts: StoredFacts;
  /** Of the JSON of its input; `null` where an instance of an earlier version has started it. */
  readonly inputBytes: number | null;
  /** How many watch it, on all instances. */
  readonly watchers: number;
}

type Field = (typeof taskFields)[number];
const indexOf = Object.fromEntries(taskFields.map((field, index) => [field, index])) as Record<Field, number>;

/** Reads what `describe` in a script has answered. */
export function storedTask(reply: readonly (string | null)[]): StoredTask {
  const text = (field: Field): string | null => reply[indexOf[field]] ?? null;
  const number = (field: Field): number => Number(text(field));
  const numberOrNull = (field: Field): number | null => (text(field) === null ? null : number(field));
  return {
    epoch: text('epoch') ?? '',
    status: text('status') as TaskStatus,
    attempt: number('attempt'),
    freeAttempts: number('free'),
    createdAt: number('createdAt'),
    startedAt: numberOrNull('startedAt'),
    endedAt: numberOrNull('endedAt'),
    firstSeq: number('first'),
    lastSeq: number('last'),
    options: text('options') ?? '{}',
    owner: text('owner'),
    metadata: text('metadata'),
    progress: text('progress'),
    cancellation: text('cancellation'),
    finalValue: text('finalValue'),
    error: text('error'),
    publicError: text('publicError'),
    state: text('state'),
    stateBefore: text('stateBefore'),
    facts: JSON.parse(text('facts') ?? '{}') as StoredFacts,
    inputBytes: numberOrNull('inputBytes'),
    watchers: Number(reply[taskFields.length]),
  };
}

/** A task that was registered just now. */
export function newTask(
  epoch: string,
  createdAt: number,
  {
    options,
    owner,
    metadata,
    state,
    inputBytes,
  }: Pick<NewStoredTask, 'options' | 'owner' | 'metadata' | 'state' | 'inputBytes'>,
): StoredTask {
  return {
    epoch,
    status: 'pending',
    attempt: 0,
    freeAttempts: 0,
    createdAt,
    startedAt: null,
    endedAt: null,
    firstSeq: 1,
    lastSeq: 0,
    options,
    owner: owner ?? null,
    metadata: metadata ?? null,
    progress: null,
    cancellation: null,
    finalValue: null,
    error: null,
    publicError: null,
    state: state ?? null,
    stateBefore: null,
    facts: {},
    inputBytes: inputBytes ?? null,
    watchers: 0,
  };
}

/** The task as every engine shows it. */
export function recordOf({ app, name, id }: TaskRef, task: StoredTask): TaskRecord {
  const { owner, metadata, watchers } = task;
  return {
    app,
    name,
    id,
    status: task.status,
    attempt: task.attempt,
    ...(owner !== null && { owner }),
    ...(metadata !== null && { metadata: parse<Json>(metadata) }),
    createdAt: isoOf(task.createdAt),
    startedAt: task.startedAt === null ? null : isoOf(task.startedAt),
    endedAt: task.endedAt === null ? null : isoOf(task.endedAt),
    progress: parse<Progress | null>(task.progress),
    ...(task.state !== null && { state: parse<Json>(task.state) }),
    finalValue: parse<Json>(task.finalValue),
    error: parse<ErrorSummary | null>(task.error),
    publicError: parse<ErrorSummary | null>(task.publicError),
    cancellation: parse<CancelReason | null>(task.cancellation),
    lastEventId: task.lastSeq === 0 ? null : formatEventId(task.epoch, task.lastSeq),
    watchers,
  };
}

function parse<Value>(json: string | null): Value {
  return JSON.parse(json ?? 'null') as Value;
}

function isoOf(time: number): string {
  return new Date(time).toISOString();
}
