import { DEFAULT_BACKOFF, RetryDelays } from '../cancellation/time/backoff.js';
import { isUnrecoverable } from '../cancellation/errors.js';
import { toJson } from '../task/json/json.js';
import { cleanUp } from './handler/run-cleanup.js';
import type { RunContext } from './handler/run-context.js';
import type { Decision } from './outcome/decide-outcome.js';
import type { RetryCause } from '../task/task-event.js';
import { publicError } from './public-error.js';
import type { TaskRun } from './task-run.js';

/** When a try that failed is followed by another one, and what lies between the two. */
export class Retries {
  readonly #run: TaskRun;
  readonly #delays: RetryDelays;

  constructor(run: TaskRun) {
    this.#run = run;
    this.#delays = new RetryDelays(run.type.options.backoff, (what, cause) =>
      run.report.wrongBackoff(what, DEFAULT_BACKOFF, cause),
    );
  }

  /** Whether another try follows the newest one, which failed with this error. */
  allow(error: unknown): boolean {
    return this.#run.attempt < this.#run.type.options.attempts && !isUnrecoverable(error);
  }

  /** All from the end of a try to the beginning of the next, or to the end of the run if that is cancelled meanwhile. */
  async next(context: RunContext, decision: Decision): Promise<void> {
    const run = this.#run;
    const { error, abandoned } = await cleanUp(run, context, decision);
    if (error !== decision.error) run.report.error(`The cleanup after try ${run.attempt}`, error);
    context.close(abandoned ?? false);
    if (run.decided) return;
    if (!run.mustEnd) {
      await this.#pause(decision.error);
      if (run.decided) return;
    }
    let input: unknown;
    try {
      input = await run.input?.forTry();
    } catch (refused) {
      if (!run.mustEnd) {
        run.settle(undefined, { kind: 'threw', error: refused });
        return;
      }
    }
    if (run.decided) return;
    if (run.mustEnd) run.settle(undefined, { kind: abandoned ? 'abandoned' : 'idle' });
    else run.tryAgain(input);
  }

  /** Says that there will be another try, and waits until it is time. */
  async #pause(error: unknown): Promise<void> {
    const { attempt, report, events, time, type } = this.#run;
    const delay = this.#delays.after(attempt);
    report.retrying(error, attempt, type.options.attempts, delay);
    const { message } = publicError(error);
    const cause: RetryCause = 'failed';
    events.tell('retrying', toJson({ attempt: attempt + 1, delay, message, cause }));
    // A watcher may have cancelled it on seeing that event.
    if (!this.#run.mustEnd) await time.pause(delay);
  }
}
