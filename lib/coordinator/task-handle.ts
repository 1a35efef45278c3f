import type { Observable } from 'rxjs';
import type { TaskOutcome } from '../task/task-outcome.js';
import type { TaskRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { isTerminal, type TaskStatus } from '../task/task-status.js';
import { type CancelOptions, checkCancelOptions } from './coordinator.options.js';
import type { TaskView } from '../engine/task-view.js';
import type { Soon } from '../engine/soon.js';
import { InvalidEventError } from '../task/errors.js';
import { toJson } from '../task/json/json.js';
import { assertSignalName, type TaskEvent } from '../task/task-event.js';
import { snapshotOf } from '../task/task-record.js';
import { watchTask } from './watch-task.js';

/**
 * One run of a task, as `start()` returns it. A handle belongs to its run: if the id is started again, the old handle
 * still stands for the old run.
 *
 * @publicApi
 */
export interface TaskHandle<Result = unknown> {
  readonly ref: TaskRef;
  readonly id: string;
  /** Whether this call started the run; `false` when the id existed already. */
  readonly created: boolean;
  readonly status: TaskStatus;
  /**
   * What the handler returned. Rejects with a `CancelledError`, a `TaskTimeoutError` or the handler's own error. If you
   * do not read it, it is no unhandled rejection.
   *
   * A handle of a task that has ended, as `start()` gives it for an id that exists, rejects with a `TaskFailedError` in
   * place of the handler's own error when no other handle of that run is left.
   */
  readonly result: Promise<Result>;
  /** How the task ended. Never rejects. */
  readonly outcome: Promise<TaskOutcome<Result>>;
  snapshot(): Promise<TaskSnapshot<Result>>;
  /**
   * The events of this run, from the start of what is kept.
   *
   * @param options `after`: the id of the last event you have
   */
  events(options?: { after?: string }): Observable<TaskEvent>;
  /**
   * Cancels this run. The signal is aborted before the promise is returned.
   *
   * @returns as `cancelTask`
   */
  cancel(options?: CancelOptions): Promise<boolean>;
}

export class RunHandle<Result> implements TaskHandle<Result> {
  readonly #view: TaskView;
  #outcome: Promise<TaskOutcome<Result>> | undefined;
  #result: Promise<Result> | undefined;

  constructor(
    view: TaskView,
    readonly created: boolean,
  ) {
    this.#view = view;
    // Held from here on: what is kept of a run that has ended is less.
    if (view.hold) view.hold();
    else this.#outcome = view.outcome as Promise<TaskOutcome<Result>>;
  }

  /** The task of a handle of this package, for the routes: `snapshot()` tells more than a client may know. */
  static viewOf(handle: TaskHandle): TaskView {
    return (handle as RunHandle<unknown>).#view;
  }

  get ref(): TaskRef {
    return this.#view.ref;
  }

  get id(): string {
    return this.#view.ref.id;
  }

  get status(): TaskStatus {
    return this.#view.status;
  }

  get outcome(): Promise<TaskOutcome<Result>> {
    return (this.#outcome ??= this.#view.outcome as Promise<TaskOutcome<Result>>);
  }

  get result(): Promise<Result> {
    if (!this.#result) {
      this.#result = this.outcome.then(({ status, value, error }) => {
        if (status === 'completed') return value as Result;
        throw error;
      });
      this.#result.catch(() => {});
    }
    return this.#result;
  }

  async snapshot(): Promise<TaskSnapshot<Result>> {
    if (this.#view.reload) await this.#view.reload();
    return snapshotOf(this.#view.record) as TaskSnapshot<Result>;
  }

  events(options: { after?: string } = {}): Observable<TaskEvent> {
    return watchTask(this.#view, options.after);
  }

  cancel(options?: CancelOptions): Promise<boolean> {
    return cancelTask(this.#view, options);
  }
}

/** As `CoordinatorService.cancelTask()`. */
export async function cancelTask(view: TaskView, options: CancelOptions = {}): Promise<boolean> {
  checkCancelOptions(options);
  const { detail, by, grace, wait } = options;
  const answered = view.requestCancel({ detail, by, grace });
  const answer = answered instanceof Promise ? await answered : answered;
  const isAccepted = answer === 'cancelling' || answer === 'cancelled';
  if (!isAccepted || wait !== 'settled') return isAccepted;
  return (await view.outcome).status === 'cancelled';
}

/** As `CoordinatorService.signal()`. */
export function sendSignal(view: TaskView, name: string, data: unknown): Soon<boolean> {
  assertSignalName(name);
  if (isTerminal(view.status)) return false;
  let json: string;
  try {
    json = toJson(data);
  } catch (cause) {
    throw new InvalidEventError(`The data of signal "${name}" is nothing JSON can hold`, { cause });
  }
  return view.signal(name, json);
}
