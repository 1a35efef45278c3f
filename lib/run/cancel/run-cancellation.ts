import type { CancelReason } from '../../cancellation/cancel-reason.js';
import type { AcceptedRequest } from '../task-history.js';
import type { TaskRun } from '../task-run.js';

/** What a run does about a request to cancel it that is not the first, or that only has its task go on elsewhere. Few runs need it. */
export class RunCancellation {
  readonly #run: TaskRun;
  /** The request that ends this try only so that another instance goes on with the task. */
  #handover: CancelReason | undefined;
  /** Whether the task goes on without this run. */
  #isOutlived = false;

  constructor(run: TaskRun) {
    this.#run = run;
  }

  /** A request that is not the first. */
  onAnother(reason: CancelReason, grace: number | undefined): void {
    if (this.#handover && reason.kind !== 'shutdown') this.#keepTask(this.#handover, reason);
    if (grace !== undefined) this.#run.time.shortenGrace(grace);
  }

  /** @see TaskRun.uncancel */
  withdraw(): number {
    const { requests } = this.#run;
    const [before] = requests.standing;
    if (!before) return 0;
    requests.withdraw();
    const [reason] = requests.standing;
    if (reason && reason !== before) this.#run.node?.replaceReason(reason, requests.causeOf(reason));
    if (!reason) {
      const { time } = this.#run;
      this.#run.enter('running');
      time.stopGrace();
      this.#run.node?.reset();
      time.awaitWatcher();
      // Between two tries no handler runs that could send one.
      if (this.#run.node) time.awaitEvent();
    }
    return requests.standing.length;
  }

  get isHandedOver(): boolean {
    return this.#handover !== undefined;
  }

  get isOutlived(): boolean {
    return this.#isOutlived || this.isHandedOver;
  }

  outlive(): void {
    this.#isOutlived = true;
  }

  /** @see TaskRun.handOver */
  handOver(grace: number): void {
    this.#handover = this.#run.requests.add('shutdown', {});
    this.#run.interrupt(this.#handover, grace);
  }

  /** Its state cannot be folded: the handler is told, and whatever becomes of it, the run fails. */
  fail(failure: Error): void {
    const { node, time, committed, options } = this.#run;
    // The task goes on nowhere.
    this.takeLate([]);
    // Past its point of no return it has all the time that it needs.
    if (!committed) time.beginGrace(options.grace);
    node?.interrupt({ kind: 'self', detail: failure.message }, failure);
  }

  /** It is cancelled while it is handed over: the task ends here after all. */
  #keepTask(handover: CancelReason, reason: CancelReason): void {
    const { requests } = this.#run;
    this.#handover = undefined;
    requests.drop(handover);
    this.#run.enter('cancelling');
    this.#run.events.tellCancelling(reason);
    const [standing] = requests.standing;
    if (standing) this.#run.node?.replaceReason(standing, requests.causeOf(standing));
  }

  /** Takes requests that it is too late to act on: the task does not go on. */
  takeLate(late: readonly AcceptedRequest[]): void {
    const { requests } = this.#run;
    this.#isOutlived = false;
    if (this.#handover) requests.drop(this.#handover);
    this.#handover = undefined;
    requests.addAccepted(late);
  }
}
