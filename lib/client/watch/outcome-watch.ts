import { StreamingRequestError } from '../errors.js';
import { until } from '../http/waiting.js';
import type { RemoteRun } from '../remote-run.js';
import type { RunOutcome } from '../task-types.js';
import { Sink } from './sink.js';

/** Waits for the end of a run, for all who ask for its outcome. */
export class OutcomeWatch extends Sink {
  readonly #outcome: Promise<RunOutcome>;
  #resolve!: (outcome: RunOutcome) => void;
  #reject!: (error: unknown) => void;
  #waiting = 0;

  constructor(run: RemoteRun) {
    super(run, undefined, 'latest');
    this.#outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  override get isHungry(): boolean {
    return true;
  }

  override get isFull(): boolean {
    return false;
  }

  override get isForEnd(): boolean {
    return true;
  }

  /** Whether somebody waits. */
  get isWanted(): boolean {
    return this.#waiting > 0;
  }

  async wait(signal: AbortSignal | undefined): Promise<RunOutcome> {
    this.#waiting += 1;
    try {
      return await until(this.#outcome, signal);
    } finally {
      this.#waiting -= 1;
      if (!this.isWanted) this.leave();
    }
  }

  settle(outcome: RunOutcome): void {
    this.#resolve(outcome);
  }

  /** The run has heard each event before this. */
  protected override take(): void {}
  protected override end(): void {}

  protected override fail(error: unknown): void {
    const isGone =
      error instanceof StreamingRequestError && error.status === 404 && error.code === 'TASK_NOT_FOUND';
    if (isGone) this.#resolve({ status: 'gone' });
    else this.#reject(error);
  }
}
