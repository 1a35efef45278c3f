import type { CancelReason } from '../cancellation/cancel-reason.js';
import type { GapCause, RetryCause } from '../task/task-event.js';
import type { TaskTypeRef } from '../task/task-ref.js';
import type { Progress, TaskSnapshot } from '../task/task-snapshot.js';
import type { TaskStatus } from '../task/task-status.js';

/**
 * What a client knows of one task type.
 *
 * @publicApi
 */
export interface TaskShape {
  readonly input: unknown;
  readonly result: unknown;
  /** The data of the events that the handler sends, by type. */
  readonly events: object;
  readonly state?: unknown;
}

/**
 * The task types of a server: by `app`, then by `name`.
 *
 * @publicApi
 */
export type TaskShapes = object;

/**
 * Of which nothing is known.
 *
 * @publicApi
 */
export interface AnyTask extends TaskShape {
  readonly events: Record<string, unknown>;
}

/**
 * Where nothing is known of the server's task types.
 *
 * @publicApi
 */
export type AnyTasks = Record<string, Record<string, AnyTask>>;

/**
 * The shape of a task type in a map of them.
 *
 * @publicApi
 */
export type ShapeOf<T, App extends keyof T, Name extends keyof T[App]> = T[App][Name] extends TaskShape
  ? T[App][Name]
  : AnyTask;

/** The shape of the task type of a ref; of which nothing is known where it is none of the map. */
export type ShapeAt<T, Ref extends TaskTypeRef> = Ref['app'] extends keyof T
  ? Ref['name'] extends keyof T[Ref['app']]
    ? ShapeOf<T, Ref['app'], Ref['name']>
    : AnyTask
  : AnyTask;

interface LifecycleEvents<Result, State> {
  started: { readonly attempt: number };
  retrying: {
    readonly attempt: number;
    readonly delay: number;
    readonly message: string;
    readonly cause: RetryCause;
  };
  cancelling: { readonly reason: string; readonly detail?: string };
  completed: { readonly finalValue: Result };
  failed: { readonly message: string; readonly errorType: string };
  cancelled: {
    readonly message: string;
    readonly reason: string;
    readonly detail?: string;
    readonly abandoned?: true;
  };
  timeout: {
    readonly message: string;
    readonly of: string;
    readonly timeout: number;
    readonly abandoned?: true;
  };
  /** Events are missing: `snapshot` is how the task stands. `null`: the server has lost the task. */
  gap: {
    readonly cause: GapCause;
    readonly missed: number | null;
    readonly snapshot: TaskSnapshot<Result, State> | null;
  };
  /** With `from: 'state'`: what the task has come to. */
  state: { readonly state: State; readonly status: TaskStatus };
}

/** `progress` is any, unless the task type says what it is. */
type EventsOf<S extends TaskShape> = S['events'] &
  Omit<{ progress: Progress }, keyof S['events']> &
  LifecycleEvents<S['result'], S['state']>;

/**
 * An event of a task: `type` tells what `data` is.
 *
 * @publicApi
 */
export type RunEvent<S extends TaskShape = AnyTask> = string extends keyof S['events']
  ? { readonly id: string; readonly type: string; readonly data: unknown }
  : {
      [Type in keyof EventsOf<S> & string]: {
        /** Opaque: give it back as `after`, to go on behind it. */
        readonly id: string;
        readonly type: Type;
        readonly data: EventsOf<S>[Type];
      };
    }[keyof EventsOf<S> & string];

/**
 * How a task has ended. `gone`: the server does not know it.
 *
 * @publicApi
 */
export type RunOutcome<Result = unknown> =
  | { readonly status: 'completed'; readonly value: Result }
  | { readonly status: 'failed'; readonly message: string; readonly errorType: string }
  | { readonly status: 'cancelled'; readonly reason: string; readonly detail: string | undefined }
  | { readonly status: 'timeout'; readonly of: string; readonly timeout: number }
  | { readonly status: 'gone' };

/**
 * How the client stands with the server, whatever the task does.
 *
 * @publicApi
 */
export type Connection = 'idle' | 'connecting' | 'live' | 'reconnecting' | 'offline' | 'ended' | 'refused';

/**
 * What was last heard of a task.
 *
 * @publicApi
 */
export interface RunState<S extends TaskShape = AnyTask> {
  /** `undefined` before anything was heard. */
  readonly status: TaskStatus | undefined;
  readonly progress: Progress | undefined;
  /** What the server folds the events to. */
  readonly state: S['state'] | undefined;
  /** Of the event that was last given to a reader. */
  readonly lastEventId: string | undefined;
  readonly connection: Connection;
}

/** A snapshot as it comes over the wire. */
export interface WireSnapshot extends TaskSnapshot<unknown, unknown> {
  readonly cancellation: CancelReason | null;
}
