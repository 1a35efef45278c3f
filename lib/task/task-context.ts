import { AsyncLocalStorage } from 'node:async_hooks';
import { CancelScope } from '../cancellation/cancel-scope.js';
import type { Json, JsonInput } from './json.js';
import type { TaskOutcome } from './task-outcome.js';
import type { TaskRef } from './task-ref.js';
import type { Progress } from './task-snapshot.js';

/** Where {@link TaskContext.current} looks. */
export const taskContextStorage = new AsyncLocalStorage<TaskContext>();

/**
 * Called when a task ends, with the outcome as decided so far and a signal that aborts when the time for cleanup is
 * over (the cancellation of the task itself does not abort it).
 *
 * @publicApi
 */
export type TaskCleanup = (outcome: TaskOutcome, signal: AbortSignal) => unknown;

/**
 * What a handler gets: its input, its signal, and the way to its watchers.
 *
 * @example
 * async process(task: TaskContext<{ url: string }>) {
 *   const response = await fetch(task.input.url, { signal: task.signal });
 *   await task.progress({ percent: 50, message: 'downloaded' });
 *   return { bytes: (await response.arrayBuffer()).byteLength };
 * }
 * @publicApi
 */
export abstract class TaskContext<Input = unknown> extends CancelScope implements TaskRef {
  abstract readonly app: string;
  abstract readonly name: string;
  abstract readonly id: string;
  /** `app:name:id` */
  abstract readonly key: string;
  /** What the task was started with, as JSON holds it, validated. Each try gets a copy. */
  abstract readonly input: Input;
  /** Which try this is, from 1. */
  abstract readonly attempt: number;
  abstract readonly owner: string | undefined;

  /** How many accepted requests to cancel were not withdrawn. */
  abstract get cancelling(): number;

  /**
   * Sends an event to all watchers, now and later ones. It takes effect in call order at once; the promise settles when
   * the event is in the log. It never fails because of a cancellation, and does nothing after the end.
   *
   * @param type 1 to 64 of `A-Z a-z 0-9 . _ : -`, none that the coordinator sends itself
   * @param data anything JSON can hold; `null` when left out
   * @throws InvalidEventError (synchronously) for a reserved or malformed type, for data that JSON cannot hold, and for
   *   more than `maxEventBytes` of it
   */
  abstract sendEvent(type: string, data?: JsonInput): Promise<void>;

  /**
   * Sends a `progress` event, which also stands in the snapshot until the next one.
   *
   * @param progress a number is `{ percent }`
   * @throws InvalidEventError (synchronously) as `sendEvent`
   */
  abstract progress(progress: number | Progress): Promise<void>;

  /**
   * Waits for input that somebody sends to the running task (`coordinator.signal()`, `POST …/signals/:signal`). Input
   * that came before waits here, first in first out, at most 100 of a name.
   *
   * @param name as an event's type
   * @param options `scope`: the scope to wait in, one opened below the task; the task's own when left out
   * @returns what was sent; rejects with `signal.reason` of that scope on cancel
   */
  abstract waitForSignal<T = Json>(name: string, options?: { scope?: CancelScope }): Promise<T>;

  /**
   * Registers cleanup for the end of this try. The last registered runs first, each is awaited, all of them run,
   * together no longer than `grace`. One that throws makes the task `failed`. Each runs in the async context of this call.
   *
   * @throws TaskEndedError after the end, and after the time for cleanup
   */
  abstract defer(cleanup: TaskCleanup): void;

  /**
   * The point of no return: from the first step of the body on, nothing cancels this try any more. A cancel is refused
   * (`false`, over HTTP `409`), time limits no longer count, and the body gets a scope with a fresh signal. When the body
   * returns, the task can only complete or fail. When it throws, the error passes, and the task fails or is tried again as
   * after any other error. A shutdown waits for it as long as the `grace` is.
   *
   * @param body what must not be interrupted: the commit of a transaction, a payment
   * @returns what the body returns
   * @throws `signal.reason` when the task is cancelled already, and the body is not entered; TaskEndedError after the end
   * @example
   * const receipt = await task.commit(() => this.payments.capture(order));
   */
  abstract commit<T>(body: (scope: CancelScope) => Promise<T>): Promise<T>;

  /**
   * Takes back the newest request to cancel that can be taken back. At none left the task has a fresh `signal`, and the
   * grace stops.
   *
   * @returns how many requests stand
   */
  abstract uncancel(): number;

  /**
   * Moves the end of the task's total `timeout`.
   *
   * @param ms milliseconds from now; `null` for no limit
   * @throws TaskEndedError after the end, and when the task is cancelled; RangeError when `ms` is not a number
   */
  abstract override reschedule(ms: number | null): void;

  /** The context of the task that runs here, anywhere below its handler; `undefined` outside of any. */
  static current(): TaskContext | undefined {
    return taskContextStorage.getStore();
  }
}
