import { isUnrecoverable } from '../../cancellation/errors.js';
import { isInstance } from '../../cancellation/read-error.js';
import { DEFAULT_BACKOFF, RetryDelays } from '../../cancellation/time/backoff.js';
import { publicError } from '../../run/public-error.js';
import type { TaskRun } from '../../run/task-run.js';
import type { TaskType } from '../../task-types/task-type.js';
import { toJson } from '../../task/json/json.js';
import type { TerminalStatus } from '../../task/task-status.js';
import { WorkerLostError } from '../errors.js';
import type { Release, TaskLease } from '../redis/journal-run.js';
import type { StoredTask } from '../redis/stored-task.js';
import type { ToldOutcome } from './told-outcome.js';
import type { TotalLimit } from './total-limit.js';

/** What is known of a try. */
interface TryParts {
  readonly run: TaskRun;
  readonly type: TaskType;
  readonly lease: TaskLease;
  readonly task: StoredTask;
  readonly told: ToldOutcome;
  readonly limit: TotalLimit;
}

/** The try that may follow the one that runs here, on whichever instance. */
export class NextTry {
  /** Whether it may end in another way. */
  isUseful = true;
  readonly #parts: TryParts;

  constructor(parts: TryParts) {
    this.#parts = parts;
  }

  /** Whether it follows such an end. */
  follows({ status, error }: { readonly status: TerminalStatus; readonly error?: unknown }): boolean {
    const { run, type } = this.#parts;
    if (status !== 'failed' || !this.isUseful || run.requests.any) return false;
    return this.#failed < type.options.attempts && !isUnrecoverable(error);
  }

  /** How the task is given up for it, after this error. */
  after(error: unknown): Release {
    const { run, type, told, limit } = this.#parts;
    const { attempts, backoff } = type.options;
    const isLost = isInstance(error, WorkerLostError);
    const delays = new RetryDelays(backoff, (what, cause) => {
      // One warning for a task, whichever instances try it.
      if (!told.isWarned) run.report.wrongBackoff(what, DEFAULT_BACKOFF, cause);
      told.isWarned = true;
    });
    const delay = delays.after(this.#failed);
    if (!isLost) run.report.retrying(error, this.#failed, attempts, delay);
    const { message } = isLost ? error : publicError(error);
    const json = this.#json(delay, message, isLost ? 'lost' : 'failed');
    // Its time may be over before: then it is claimed to be told so.
    const wait = Math.ceil(Math.min(delay, limit.left));
    return { event: { type: 'retrying', json }, delay: wait, isFree: false };
  }

  /** How the task is given up where this instance closes. */
  elsewhere(): Release {
    const json = this.#json(0, 'The instance closed', 'handover');
    return { event: { type: 'retrying', json }, delay: 0, isFree: true };
  }

  /** How many of the attempts are over. */
  get #failed(): number {
    const { lease, task } = this.#parts;
    return lease.attempt - task.freeAttempts;
  }

  #json(delay: number, message: string, cause: 'lost' | 'failed' | 'handover'): string {
    return toJson({ attempt: this.#parts.lease.attempt + 1, delay, message, cause });
  }
}
