import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { TaskFold } from './task-fold.js';

/** Options with every default filled in. */
export type Filled<Options> = { [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/**
 * How many events and bytes of a task's log are kept for watchers that come late or reconnect.
 *
 * @publicApi
 */
export interface ReplayLimits {
  /** At least 1. @defaultValue 1 000 */
  events?: number | undefined;
  /** Encoded bytes; at least `maxEventBytes`. @defaultValue 1 048 576 */
  bytes?: number | undefined;
}

/**
 * Options for every task type in `forRoot({ tasks })`, and for one type in `@StreamTask()`. Times are milliseconds.
 *
 * @publicApi
 */
export interface TaskDefaults {
  /** Limit for the whole run, all tries together; `null` for none. @defaultValue null */
  timeout?: number | null | undefined;
  /** Limit for the time between two events while a try runs; `null` for none. @defaultValue null */
  idleTimeout?: number | null | undefined;
  /** Limit for the wait for a free place; `null` for none. @defaultValue null */
  pendingTimeout?: number | null | undefined;
  /** How long a cancelled handler may take to clean up before it is abandoned. @defaultValue 10 000 */
  grace?: number | undefined;
  /** Handlers of one type running at once in this process; others wait, by `priority`, then first in first out. @defaultValue unlimited */
  concurrency?: number | undefined;
  /** Handlers of one type running at once on all instances together. With one process the lower of the two holds. @defaultValue unlimited */
  globalConcurrency?: number | undefined;
  /** How many may wait for a place; more are refused with `TOO_MANY_TASKS`. @defaultValue 10 000 */
  maxPending?: number | undefined;
  /** How often a failing run is tried. One that was cancelled or timed out is never tried again. @defaultValue 1 */
  attempts?: number | undefined;
  /** The wait before the next try: milliseconds, or a function of the number of the try that failed. @defaultValue 1 000 */
  backoff?: number | ((attempt: number) => number) | undefined;
  /**
   * Whether a task goes on elsewhere when the instance that runs it closes or is lost. That is a new try, and costs none of the
   * `attempts`. Its handler may run more than once: use `checkpoint` to go on where it was. Changes nothing where tasks run in
   * this process. @defaultValue false
   */
  resumable?: boolean | undefined;
  /** How a cancelled handler that returns normally ends. @defaultValue 'cancelled' */
  swallowedCancel?: 'cancelled' | 'completed' | undefined;
  /** Cancels the task after this time without a watcher; `null` for never. @defaultValue null */
  cancelWhenUnwatched?: number | null | undefined;
  /** Sends a `cancelling` event when a cancellation is accepted. @defaultValue false */
  announceCancelling?: boolean | undefined;
  /** Limit for the encoded bytes of one event's data, and of a result. @defaultValue 262 144, or `replay.bytes` when that is less */
  maxEventBytes?: number | undefined;
}

/** A class, as Nest's `Type`. Declarations of tasks name nothing of Nest: a page compiles them, too. */
export type ClassOf<T> = new (...args: never[]) => T;

/**
 * Validates the input of a task: a Standard Schema (zod, valibot, arktype …), or a class with class-validator decorators.
 *
 * @publicApi
 */
export type InputSchema = StandardSchemaV1 | ClassOf<unknown>;

/** Whether a value is a Standard Schema. Some are functions, and a class may carry one in its static `~standard`. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return false;
  const { '~standard': standard } = value as Partial<StandardSchemaV1>;
  return typeof standard?.validate === 'function';
}

/**
 * The output of a schema: the input as the handler gets it.
 *
 * @publicApi
 */
export type ValidInput<Schema extends InputSchema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Schema>
  : Schema extends ClassOf<infer Dto>
    ? Dto
    : unknown;

/**
 * What `@StreamTask()` takes. An option that is left out is taken from `forRoot({ tasks })`.
 *
 * @publicApi
 */
export interface StreamTaskOptions<State = unknown> extends TaskDefaults {
  /**
   * Groups task types, first part of the URL.
   * @defaultValue the name of the module that provides the class, without `Module`, in kebab-case
   */
  app?: string | undefined;
  /** Second part of the URL, matched exactly. @defaultValue the name of the class */
  name?: string | undefined;
  /** Validates and types the input. @defaultValue none: every input is accepted */
  input?: InputSchema | undefined;
  /** Folds the events to a state, which stands in snapshots and which `?from=state` begins with. @defaultValue none */
  state?: TaskFold<State> | undefined;
  /** @defaultValue that of the module */
  replay?: ReplayLimits | undefined;
}
