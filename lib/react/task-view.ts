import type {
  AnyTask,
  Connection,
  Progress,
  RunEvent,
  RunOutcome,
  StreamingConnectionError,
  StreamingRequestError,
  TaskRun,
  TaskShape,
  TaskStatus,
} from '../client/index.js';

/**
 * How far a cancellation is. `phase` never goes back:
 *
 * - `requested`: this view has asked, and the server has not answered
 * - `accepted`: the server has accepted it
 * - `cleaning-up`: the handler was told, and its cleanup runs
 * - `ended`: the task has ended
 *
 * @publicApi
 */
export interface Cancellation {
  readonly phase: CancellationPhase;
  /** As the server says it: `external_cancellation`, `shutdown` … `undefined` until it has said so. */
  readonly reason?: string;
  /** What the one who cancelled has said. */
  readonly detail?: string;
  /** How long the cancellation has been going on, in milliseconds, at the moment it is read. It stands still at the end. */
  readonly sinceMs: number;
}

/** @publicApi */
export type CancellationPhase = 'requested' | 'accepted' | 'cleaning-up' | 'ended';

/**
 * A task as it is shown.
 *
 * @publicApi
 */
export interface TaskView<S extends TaskShape = AnyTask, State = S['state']> {
  /** `undefined` while nothing is watched. */
  readonly id: string | undefined;
  /** What is watched: for `signal()` and `snapshot()`. `undefined` while nothing is. */
  readonly run: TaskRun<S> | undefined;
  /** `undefined` before anything was heard. */
  readonly status: TaskStatus | undefined;
  readonly progress: Progress | undefined;
  /** What `reduce` has made of the events; without it what the server says. */
  readonly state: State | undefined;
  /** The newest events, the oldest of them first. */
  readonly events: readonly RunEvent<S>[];
  /** How it has ended; `undefined` while it has not. */
  readonly outcome: RunOutcome<S['result']> | undefined;
  /** Why it is no longer watched, what the last `cancel()` met, or what `reduce` has thrown. Not the error of the task: that is in `outcome`. */
  readonly error: StreamingRequestError | StreamingConnectionError | Error | undefined;
  /** How the client stands with the server, whatever the task does. */
  readonly connection: Connection;
  /** `undefined` while no cancel is known. */
  readonly cancellation: Cancellation | undefined;
  /**
   * Asks the server to cancel the task.
   *
   * @param detail why, for those who watch
   * @returns `true` when the request was accepted, `false` when the task was over. A rejection is in `error` too, so the
   *   promise may be left alone
   */
  readonly cancel: (detail?: string) => Promise<boolean>;
}

/**
 * For `useTask()`. Others in the next render open nothing: they hold from the next event on.
 *
 * @publicApi
 */
export interface UseTaskOptions<S extends TaskShape = AnyTask, State = S['state']> {
  /** Milliseconds between two renders. The end of the task is shown at once. @defaultValue 0: events that come together are one render */
  readonly throttle?: number;
  /** How many events `events` keeps: the newest. @defaultValue 100 */
  readonly keepEvents?: number;
  /** Where to begin: `state` with what the server has folded the events to, `latest` with the newest event. @defaultValue the oldest event that is kept */
  readonly from?: 'latest' | 'state';
  /** The state before the first event. Another one in a later render changes nothing. */
  readonly initial?: State;
  /** What the state is after an event. A state that the server sends takes the place of what was folded. */
  readonly reduce?: (state: State, event: RunEvent<S>) => State;
}
