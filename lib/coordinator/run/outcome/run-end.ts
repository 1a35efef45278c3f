import { inRootContext } from '../../../cancellation/async-context.js';
import type { TaskOutcome } from '../../../task/task-outcome.js';
import { KeptOutcome } from './kept-outcome.js';

/** The end of a run: those who wait for it, and what is kept of it. */
export class RunEnd {
  #kept: KeptOutcome | undefined;
  #promise: Promise<TaskOutcome> | undefined;
  #resolve: ((outcome: TaskOutcome) => void) | undefined;

  /** Set when the run is over. */
  get kept(): KeptOutcome | undefined {
    return this.#kept;
  }

  /** Never rejects. */
  get promise(): Promise<TaskOutcome> {
    // Made anew for each who asks later: a promise keeps the async context alive that it is made in.
    if (this.#kept && !this.#promise) return Promise.resolve(this.#kept.outcome);
    return (this.#promise ??= inRootContext(
      () =>
        new Promise((resolve) => {
          this.#resolve = resolve;
        }),
    ));
  }

  /**
   * @param json the result of a completed run
   */
  reach(outcome: TaskOutcome, json: string | undefined): void {
    this.#kept = new KeptOutcome(outcome, json);
  }

  /** Tells those who wait. */
  announce(outcome: TaskOutcome): void {
    this.#resolve?.(outcome);
    this.#promise = undefined;
    this.#resolve = undefined;
  }
}
