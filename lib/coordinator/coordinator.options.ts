import { checkOptions, duration, integer, limit, oneOf } from '../task/check-options.js';
import type { Json } from '../task/json.js';
import { type TaskStatus, taskStatuses } from '../task/task-status.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';

/**
 * @publicApi
 */
export interface StartOptions {
  /** 1 to 100 of `A-Z a-z 0-9 . _ ~ -`. @defaultValue a random UUID */
  id?: string;
  /** Limit for the whole run, in milliseconds; `null` for no limit. @defaultValue the task type's */
  timeout?: number | null;
  /** How long a cancelled handler may clean up, in milliseconds. @defaultValue the task type's */
  grace?: number;
  /** The owner of the task, for the authorizer and `list({ owner })`. @defaultValue none */
  owner?: string;
  /** JSON that is kept with the task, and shown in snapshots. @defaultValue none */
  metadata?: Json;
  /** Its abort cancels the task with the reason `external`. @defaultValue none */
  signal?: AbortSignal;
  /** Runs an ended task of this id again. A running one is left alone. @defaultValue false */
  restart?: boolean;
}

/**
 * @publicApi
 */
export interface CancelOptions {
  /** A text that watchers see, cut at 500 characters. */
  detail?: string;
  /** Who asks. In snapshots and the handler's `reason`, never sent to watchers. */
  by?: string;
  /** How long the handler may clean up, in milliseconds. A later request can only shorten it. @defaultValue the task's */
  grace?: number;
  /**
   * `'accepted'`: resolves at once. `'settled'`: resolves after the end of the task, with `true` only if it ended `cancelled`.
   * @defaultValue 'accepted'
   */
  wait?: 'accepted' | 'settled';
}

/**
 * @publicApi
 */
export interface TaskFilter {
  app?: string;
  name?: string;
  status?: TaskStatus;
  owner?: string;
  /** 1 to 1 000. @defaultValue 100 */
  limit?: number;
  /** The `nextCursor` of the previous page. */
  cursor?: string;
}

/**
 * @publicApi
 */
export interface TaskPage {
  /** Newest first. */
  readonly items: readonly TaskSnapshot[];
  /** Pass it as `cursor` to get the next page. `null` on the last page. */
  readonly nextCursor: string | null;
}

/**
 * @publicApi
 */
export interface ShutdownReport {
  readonly completed: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly timedOut: number;
  /** Keys of tasks whose handler or cleanup was still running. The counts above include them. */
  readonly abandoned: string[];
  readonly durationMs: number;
}

const text = (value: unknown) => (typeof value === 'string' ? undefined : 'a string');
const anything = () => undefined;

const startChecks = {
  id: anything,
  timeout: limit,
  grace: duration,
  owner: text,
  metadata: anything,
  signal: (value: unknown) =>
    typeof (value as AbortSignal | null)?.addEventListener === 'function' ? undefined : 'an AbortSignal',
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

/** @throws InvalidOptionsError naming the option that is wrong */
export function checkStartOptions(options: StartOptions): void {
  checkOptions('start()', options, startChecks);
}

/** @throws InvalidOptionsError naming the option that is wrong */
export function checkCancelOptions(options: CancelOptions): void {
  checkOptions('cancelTask()', options, cancelChecks);
}

/** @throws InvalidOptionsError naming the field that is wrong */
export function checkTaskFilter(filter: TaskFilter): void {
  checkOptions('list()', filter, filterChecks);
}
