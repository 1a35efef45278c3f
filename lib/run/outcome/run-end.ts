import { inRootContext } from '../../cancellation/async-context.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import type { RunHost } from '../run-host.js';
import type { TaskRun } from '../task-run.js';
import { KeptOutcome } from './kept-outcome.js';

/** The end of a run: who is told of it, in which order, and what is kept of it. */
export class RunEnd {
  readonly #run: TaskRun;
  readonly #host: RunHost;
  #reached: KeptOutcome | undefined;
  /** The journal has not taken it yet. */
  #isOnItsWay = false;
  #promise: Promise<TaskOutcome> | undefined;
  #resolve: ((outcome: TaskOutcome) => void) | undefined;

  constructor(run: TaskRun, host: RunHost) {
    this.#run = run;
    this.#host = host;
  }

  /** Set when the run is over: not while its end is on its way. */
  get kept(): KeptOutcome | undefined {
    return this.#isOnItsWay ? undefined : this.#reached;
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
   * Its place is free, its watchers see the end, it retires, and those who wait are told: in this order, and in this call
   * if the journal takes the end at once. Otherwise the run is over when it has.
   *
   * @param data of the terminal event
   */
  announce(outcome: TaskOutcome, data: string): void {
    // A watcher may start the next task when it sees the end of this one.
    this.#host.onFree(this.#run);
    const written = this.#run.events.end(outcome.status, data);
    if (!written) this.#retire(outcome);
    else this.#await(written, outcome).catch((error: unknown) => this.#run.report.error('The end', error));
  }

  async #await(written: Promise<void>, outcome: TaskOutcome): Promise<void> {
    const { time, report } = this.#run;
    this.#isOnItsWay = true;
    // A shutdown waits no longer than its time.
    const work = time.beginWork(Infinity);
    const isTaken = await work.wait(written);
    time.endWork(work);
    this.#isOnItsWay = false;
    if (!isTaken) report.lostEnd(outcome.status);
    this.#retire(outcome);
  }

  #retire(outcome: TaskOutcome): void {
    const { report } = this.#run;
    this.#host.onOver(this.#run);
    this.#resolve?.(outcome);
    this.#promise = undefined;
    this.#resolve = undefined;
    if (outcome.status === 'failed')
      report.guard('The report of the failure', () => report.failed(outcome.error));
    this.#run.letGo();
  }
}
