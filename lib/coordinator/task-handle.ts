import type { Observable } from 'rxjs';
import type { TaskEvent } from '../task/task-event.js';
import type { TaskOutcome } from '../task/task-outcome.js';
import type { TaskRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { TaskStatus } from '../task/task-status.js';
import type { CancelOptions } from './coordinator.options.js';
import type { TaskRun } from '../run/task-run.js';
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

/** What a handle asks of the coordinator. */
export interface HandleHost {
  cancelRun(run: TaskRun, options?: CancelOptions): Promise<boolean>;
}

export class RunHandle<Result> implements TaskHandle<Result> {
  readonly outcome: Promise<TaskOutcome<Result>>;
  readonly #run: TaskRun;
  readonly #host: HandleHost;
  #result: Promise<Result> | undefined;

  constructor(
    run: TaskRun,
    host: HandleHost,
    readonly created: boolean,
  ) {
    this.#run = run;
    this.#host = host;
    // Held from here on: what is kept of a run that has ended is less.
    this.outcome = run.settled as Promise<TaskOutcome<Result>>;
  }

  /**
   * The run of a handle, for the routes: `snapshot()` tells more than a client may know.
   *
   * @throws TypeError for a handle that the coordinator did not make
   */
  static runOf(handle: TaskHandle): TaskRun {
    return (handle as RunHandle<unknown>).#run;
  }

  get ref(): TaskRef {
    return this.#run.ref;
  }

  get id(): string {
    return this.#run.ref.id;
  }

  get status(): TaskStatus {
    return this.#run.status;
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
    return this.#run.snapshot() as TaskSnapshot<Result>;
  }

  events(options: { after?: string } = {}): Observable<TaskEvent> {
    return watchTask(this.#run, options.after);
  }

  cancel(options?: CancelOptions): Promise<boolean> {
    return this.#host.cancelRun(this.#run, options);
  }
}
