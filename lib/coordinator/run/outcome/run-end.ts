import { inRootContext } from '../../../cancellation/async-context.js';
import type { TaskOutcome } from '../../../task/task-outcome.js';
import { Countdown } from '../countdown.js';
import { KeptOutcome } from './kept-outcome.js';

/** The end of a run: those who wait for it, and what is kept of it. */
export class RunEnd {
  #reached: KeptOutcome | undefined;
  /** How long the journal may take to take the end, while it is on its way. */
  #patience: Countdown | undefined;
  #promise: Promise<TaskOutcome> | undefined;
  #resolve: ((outcome: TaskOutcome) => void) | undefined;

  /** Set when the run is over: not while its end is on its way. */
  get kept(): KeptOutcome | undefined {
    return this.#patience ? undefined : this.#reached;
  }

  /** Whether the outcome was handed over, though the journal may not have taken it yet. */
  get isReached(): boolean {
    return this.#reached !== undefined;
  }

  /** Never rejects. */
  get promise(): Promise<TaskOutcome> {
    // Made anew for each who asks later: a promise keeps the async context alive that it is made in.
    if (this.kept && !this.#promise) return Promise.resolve(this.kept.outcome);
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
    this.#reached = new KeptOutcome(outcome, json);
  }

  /**
   * The end is on its way: the run is over when it has come, and when it takes longer than `ms`.
   *
   * @returns whether it has come
   */
  async arrive(written: Promise<void>, ms: number): Promise<boolean> {
    const late = new Promise<false>((resolve) => {
      this.#patience = new Countdown(() => resolve(false));
    });
    this.limitRemainingTime(ms);
    const hasCome = await Promise.race([
      written.then(
        () => true,
        () => false,
      ),
      late,
    ]);
    this.#patience?.stop();
    this.#patience = undefined;
    return hasCome;
  }

  /** What is on its way has at most `ms` from now. */
  limitRemainingTime(ms: number): void {
    this.#patience?.shorten(ms);
  }

  /** Tells those who wait. */
  announce(outcome: TaskOutcome): void {
    this.#resolve?.(outcome);
    this.#promise = undefined;
    this.#resolve = undefined;
  }
}
