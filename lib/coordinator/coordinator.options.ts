import { readProperty } from '../cancellation/read-error.js';
import { checkOptions, duration, integer, limit, mustBe, oneOf } from '../task/options/check-options.js';
import type { Json } from '../task/json/json.js';
import { type TaskStatus, taskStatuses } from '../task/task-status.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';

/**
 * What `start()` takes besides the type and the input.
 *
 * @publicApi
 */
export interface StartOptions {
  /** 1 to 100 of `A-Z a-z 0-9 . _ ~ -`. @defaultValue a random UUID */
  id?: string | undefined;
  /** Limit for the whole run, in milliseconds; `null` for no limit. @defaultValue the task type's */
  timeout?: number | null | undefined;
  /** How long a cancelled handler may clean up, in milliseconds. @defaultValue the task type's */
  grace?: number | undefined;
  /** The owner of the task, for the authorizer and `list({ owner })`. @defaultValue none */
  owner?: string | undefined;
  /**
   * JSON that is kept with the task, and shown in snapshots. It is checked as a whole: of a value inside it, such as a Map
   * in an object, the task keeps what `JSON.stringify()` makes of it. @defaultValue none
   */
  metadata?: Json | undefined;
  /**
   * How long until its handler may be called, in milliseconds, at most one year. The task is `pending` until then, and may be
   * cancelled. `pendingTimeout` counts from then. @defaultValue 0
   */
  delay?: number | undefined;
  /**
   * 0 to 1 000. Of the tasks of one type that wait for a place, the one with the highest is next; of those with the same, the one
   * that has waited longest. @defaultValue 0
   */
  priority?: number | undefined;
  /** Its abort cancels the task with the reason `external`. @defaultValue none */
  signal?: AbortSignal | undefined;
  /** Runs an ended task of this id again. A running one is left alone. @defaultValue false */
  restart?: boolean | undefined;
}

/**
 * What `cancelTask()` and `handle.cancel()` take.
 *
 * @publicApi
 */
export interface CancelOptions {
  /** A text that watchers see, cut at 500 characters. */
  detail?: string | undefined;
  /** Who asks. In snapshots and the handler's `reason`, never sent to watchers. */
  by?: string | undefined;
  /** How long the handler may clean up, in milliseconds. A later request can only shorten it. @defaultValue the task's */
  grace?: number | undefined;
  /**
   * `'accepted'`: resolves at once. `'settled'`: resolves after the end of the task, with `true` only if it ended `cancelled`.
   * @defaultValue 'accepted'
   */
  wait?: 'accepted' | 'settled' | undefined;
}

/**
 * Which tasks `list()` returns. All fields that are given must match.
 *
 * @publicApi
 */
export interface TaskFilter {
  app?: string | undefined;
  name?: string | undefined;
  status?: TaskStatus | undefined;
  owner?: string | undefined;
  /** 1 to 1 000. @defaultValue 100 */
  limit?: number | undefined;
  /** The `nextCursor` of the previous page. */
  cursor?: string | undefined;
}

/**
 * One page of `list()`.
 *
 * @publicApi
 */
export interface TaskPage {
  /** Newest first. */
  readonly items: readonly TaskSnapshot[];
  /** Pass it as `cursor` to get the next page. `null` on the last page. */
  readonly nextCursor: string | null;
}

/**
 * What became of the tasks at a shutdown.
 *
 * @publicApi
 */
export interface ShutdownReport {
  readonly completed: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly timedOut: number;
  /** Keys of tasks whose handler or cleanup was still running. The counts above include them. */
  readonly abandoned: string[];
  /** Keys of tasks that go on on another instance. No count includes them. Empty where tasks run in this process. */
  readonly handedOver: string[];
  readonly durationMs: number;
}

/** Tasks of a page where the filter does not say. */
export const DEFAULT_LIST_LIMIT = 100;

/** One year, in milliseconds. */
const MAX_DELAY = 31_536_000_000;
const MAX_PRIORITY = 1_000;

const text = (value: unknown) => (typeof value === 'string' ? undefined : 'a string');
const anything = () => undefined;

/** By what is used of it: one of another realm, or of a polyfill, is no instance. */
function isAbortSignal(value: unknown): boolean {
  const methods = ['addEventListener', 'removeEventListener'];
  if (!methods.every((method) => typeof readProperty(value, method) === 'function')) return false;
  return typeof readProperty(value, 'aborted') === 'boolean';
}

const startChecks = {
  id: anything,
  timeout: limit,
  grace: duration,
  owner: text,
  metadata: anything,
  delay: mustBe(
    'a number of milliseconds from 0 to 31536000000 (one year)',
    (value) => duration(value) === undefined && (value as number) <= MAX_DELAY,
  ),
  priority: integer(0, MAX_PRIORITY),
  signal: (value: unknown) => (isAbortSignal(value) ? undefined : 'an AbortSignal'),
  restart: (value: unknown) => (typeof value === 'boolean' ? undefined : 'true or false'),
};

const cancelChecks = {
  detail: text,
  by: text,
  grace: duration,
  wait: oneOf('accepted', 'settled'),
};

const filterChecks = {
  app: text,
  name: text,
  status: oneOf(...taskStatuses),
  owner: text,
  limit: integer(1, 1_000),
  cursor: text,
};

export function checkStartOptions(options: StartOptions): void {
  checkOptions('start()', options, startChecks);
}

export function checkCancelOptions(options: CancelOptions): void {
  checkOptions('cancelTask()', options, cancelChecks);
}

export function checkTaskFilter(filter: TaskFilter): void {
  checkOptions('list()', filter, filterChecks);
}
