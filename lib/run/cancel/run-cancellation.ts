import type { CancelKind, CancelReason } from '../../cancellation/cancel-reason.js';
import { toJson } from '../../task/json/json.js';
import { wireReason } from '../outcome/terminal-event.js';
import type { AcceptedRequest } from '../task-history.js';
import type { TaskRun } from '../task-run.js';
import type { RequestDetails } from './cancel-requests.js';

/** What a run does about requests to cancel it. Made with the first of them: most runs have none. */
export class RunCancellation {
  readonly #run: TaskRun;
  /** The request that ends this try only so that another instance goes on with the task. */
  #handover: CancelReason | undefined;
  /** Whether the task goes on without this run. */
  #isOutlived = false;

  constructor(run: TaskRun) {
    this.#run = run;
  }

  /** @see TaskRun.cancel */
  request(kind: CancelKind, details: RequestDetails, grace: number | undefined): void {
    const { requests, status } = this.#run;
    const first = !requests.any;
    const reason = requests.add(kind, details);
    if (status === 'pending') {
      this.#run.settle(undefined, { kind: 'idle' });
      return;
    }
    if (first) {
      this.#interrupt(reason, grace);
      return;
    }
    if (this.#handover && kind !== 'shutdown') this.#keepTask(this.#handover, reason);
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

  #interrupt(reason: CancelReason, grace: number = this.#run.options.grace): void {
    const { requests, time } = this.#run;
    this.#run.enter('cancelling');
    time.beginGrace(grace);
    this.#announce(reason);
    // A watcher in this process may have made the handler withdraw it on seeing that event.
    const [standing] = requests.standing;
    if (standing) this.#run.node?.interrupt(standing, requests.causeOf(standing));
  }

  /** Watchers of a task that goes on elsewhere are told nothing. */
  #announce(reason: CancelReason): void {
    const { type, events } = this.#run;
    if (type.options.announceCancelling && !this.#handover)
      events.tell('cancelling', toJson(wireReason(reason)));
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
    this.#interrupt(this.#handover, grace);
  }

  /** It is cancelled while it is handed over: the task ends here after all. */
  #keepTask(handover: CancelReason, reason: CancelReason): void {
    const { requests } = this.#run;
    this.#handover = undefined;
    requests.drop(handover);
    this.#run.enter('cancelling');
    this.#announce(reason);
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
