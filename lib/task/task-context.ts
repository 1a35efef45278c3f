import { AsyncLocalStorage } from 'node:async_hooks';
import { CancelScope } from '../cancellation/scope/cancel-scope.js';
import type { AnyEvents, EventData, EventTypeOf, ProgressOf } from './handler-events.js';
import type { Json, JsonInput } from './json/json.js';
import type { TaskOutcome } from './task-outcome.js';
import type { TaskRef } from './task-ref.js';

/**
 * Where {@link TaskContext.current} looks.
 *
 * @internal
 */
export const taskContextStorage = new AsyncLocalStorage<TaskContext>();

/**
 * Called when a task ends, with the outcome as decided so far and a signal that aborts when the time for cleanup is up.
 * The cancellation of the task does not abort that signal.
 *
 * @publicApi
 */
export type TaskCleanup = (outcome: TaskOutcome, signal: AbortSignal) => unknown;

/**
 * What a handler gets: its input, its signal, and the means to send events.
 *
 * @example
 * async process(task: TaskContext<{ url: string }>) {
 *   const response = await fetch(task.input.url, { signal: task.signal });
 *   await task.progress({ percent: 50, message: 'downloaded' });
 *   return { bytes: (await response.arrayBuffer()).byteLength };
 * }
 * @typeParam Input what the task is started with
 * @typeParam Events the data of the events that the handler sends, by type: `{ probe: { codec: string } }`. Without it any
 *   event may be sent
 * @publicApi
 */
export abstract class TaskContext<Input = unknown, Events extends object = AnyEvents>
  extends CancelScope
  implements TaskRef
{
  abstract readonly app: string;
  abstract readonly name: string;
  abstract readonly id: string;
  /** `app:name:id` */
  abstract readonly key: string;
  /** What the task was started with, as JSON holds it, validated. Each try gets a copy. */
  abstract readonly input: Input;
  /** The number of this try, from 1. */
  abstract readonly attempt: number;
  abstract readonly owner: string | undefined;
  /**
   * What the newest `saveCheckpoint()` of an earlier try has kept; `null` if there is none. Each try gets a copy, which does not
   * change while it runs.
   */
  abstract readonly checkpoint: Json | null;

  /** How many requests to cancel were accepted and not withdrawn. */
  abstract get cancelling(): number;

  /**
   * Sends an event to all watchers, present and future. It takes effect at once, in the order of the calls; the promise
   * settles when the event is in the log. A cancellation never makes it fail. After the end it does nothing.
   *
   * @param type 1 to 64 of `A-Z a-z 0-9 . _ : -`. Types that the coordinator sends are reserved
   * @param data anything JSON can hold. It is checked as a whole: of a value inside it, such as a Map in an object, the event
   *   has what `JSON.stringify()` makes of it. @defaultValue null
   * @throws InvalidEventError (synchronously) for a reserved or malformed type, for data that JSON cannot hold, and for
   *   more than `maxEventBytes` of it
   */
  abstract sendEvent<Type extends EventTypeOf<Events>>(
    type: Type,
    ...data: EventData<Events[Type]>
  ): Promise<void>;

  /**
   * Sends a `progress` event. The newest one is also in the snapshot.
   *
   * @param progress a number stands for `{ percent }`
   * @throws InvalidEventError (synchronously) as `sendEvent`
   */
  abstract progress(progress: ProgressOf<Events>): Promise<void>;

  /**
   * Keeps data for the later tries of this task: each finds the newest as `checkpoint`. It is no event, no watcher sees it, and
   * it is gone when the task ends. It takes effect at once; the promise settles when it is kept. After the end of the try it does
   * nothing.
   *
   * @param data what JSON can hold, at most `maxEventBytes` of it
   * @throws InvalidEventError (synchronously) for data that JSON cannot hold as a whole, and for more than `maxEventBytes` of it
   * @example
   * for (let row = (task.checkpoint as number | null) ?? 0; row < rows.length; row += 1_000) {
   *   await this.rows.insert(rows.slice(row, row + 1_000));
   *   await task.saveCheckpoint(row + 1_000);
   * }
   */
  abstract saveCheckpoint(data: JsonInput): Promise<void>;

  /**
   * Waits for input that is sent to the running task (`coordinator.signal()`, `POST …/signals/:signal`). Input that arrived
   * earlier waits in a queue, first in first out, at most 100 for each name.
   *
   * @param name as an event's type
   * @param options `scope`: the wait ends with this scope, which must be one below the task. @defaultValue the task
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
   * The point of no return: from the moment the body is called, nothing cancels this try any more. A cancel is refused
   * (`false`, over HTTP `409`), time limits no longer count, and the body gets a scope with a fresh signal. When the body
   * returns, the task can only complete or fail. When it throws, the error passes, and the task fails or is tried again as
   * after any other error. A shutdown waits for it up to the `grace` and `shutdown.timeout`, whichever is shorter: set both
   * above your longest commit.
   *
   * @param body what must not be interrupted: the commit of a transaction, a payment
   * @returns what the body returns
   * @throws `signal.reason` when the task is cancelled already, and the body is not entered; TaskEndedError after the end
   * @example
   * const receipt = await task.commit(() => this.payments.capture(order));
   */
  abstract commit<T>(body: (scope: CancelScope) => Promise<T>): Promise<T>;

  /**
   * Withdraws the newest request to cancel that can be withdrawn. When none is left, the task has a fresh `signal`, and
   * the grace stops.
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

  /** The context of the task whose handler called this code, directly or not; `undefined` outside of a task. */
  static current(): TaskContext | undefined {
    return taskContextStorage.getStore();
  }
}
