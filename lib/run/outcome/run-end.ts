import { inRootContext } from '../../cancellation/async-context.js';
import type { DecidedEnd, DecideAnswer } from '../../log/run-journal.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import { cleanUp } from '../handler/run-cleanup.js';
import type { RunContext } from '../handler/run-context.js';
import type { RunHost } from '../run-host.js';
import type { TaskRun } from '../task-run.js';
import {
  addFailure,
  type Decision,
  decideOutcome,
  outcomeOf,
  type Settlement,
  settlementOf,
} from './decide-outcome.js';
import { KeptOutcome } from './kept-outcome.js';
import { terminalEventData } from './terminal-event.js';

/** The end of a run: how it is decided, who is told of it, in which order, and what is kept of it. */
export class RunEnd {
  readonly #run: TaskRun;
  readonly #host: RunHost;
  /** While it asks, the journal may know of a cancel that was first. */
  #state: 'open' | 'asking' | 'decided' = 'open';
  #reached: KeptOutcome | undefined;
  /** The journal has not taken it yet, and may have it decided again. */
  #onItsWay: { decision: Decision; outcome: TaskOutcome } | undefined;
  #promise: Promise<TaskOutcome> | undefined;
  #resolve: ((outcome: TaskOutcome) => void) | undefined;

  constructor(run: TaskRun, host: RunHost) {
    this.#run = run;
    this.#host = host;
  }

  /** Whether the outcome stands, though it may not be announced yet: a cancel comes too late. */
  get isDecided(): boolean {
    return this.#state === 'decided';
  }

  /** Whether it is known what became of the last try. A cancel may still be in time. */
  get isSettled(): boolean {
    return this.#state !== 'open';
  }

  /** Set when the run is over: not while its end is on its way. */
  get kept(): KeptOutcome | undefined {
    return this.#onItsWay ? undefined : this.#reached;
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
   * Decides what became of a try: another one follows, or the run ends. Never throws.
   *
   * @param context of that try, unless none runs
   */
  decide(context: RunContext | undefined, settlement: Settlement): void {
    try {
      this.#decide(context, settlement);
    } catch (error) {
      this.breakOff(error);
    }
  }

  /** A fault of this package, or an error that cannot be looked at: whatever it is, the run ends, and says so. */
  breakOff(cause: unknown): void {
    this.#run.report.error('The end', cause);
    if (this.#reached) return;
    this.#state = 'decided';
    this.#run.clearLimits();
    const error = new Error(`The end of ${this.#run.key} failed`, { cause });
    this.#finish({ status: 'failed', error });
  }

  /**
   * Decides once more, by the same rules, as the journal has refused the end: there are requests to cancel that the run had not seen.
   *
   * @param isBetweenTries whether another try was to follow: then the task is cancelled between the two
   */
  decideAgain(isBetweenTries: boolean): DecidedEnd {
    const onItsWay = this.#onItsWay;
    if (!onItsWay) throw new Error(`The end of ${this.#run.key} is not on its way`);
    const { decision } = onItsWay;
    const { status, reason } = decision;
    const [first] = this.#run.requests.standing;
    // One that is cancelled for the first of them stays so: the others are listed.
    const isCancelled = first !== undefined && first === reason && ['cancelled', 'timeout'].includes(status);
    const stands = !this.#run.mustEnd || isCancelled;
    const again = this.#folded(
      stands ? decision : this.#ruleOn(undefined, settlementOf(decision, isBetweenTries)),
    );
    const outcome = outcomeOf(again, this.#run);
    this.#reached = new KeptOutcome(outcome, again.json);
    // It looks as it will when the end is taken.
    this.#onItsWay = undefined;
    const { record } = this.#run;
    this.#onItsWay = { decision: again, outcome };
    const { facts } = this.#reached;
    const state = this.#run.events.endState;
    return { type: again.status, json: terminalEventData(again), record, facts, state };
  }

  #decide(context: RunContext | undefined, settlement: Settlement): void {
    const decision = this.#ruleOn(context, settlement);
    if (context && this.#run.triesAgain(context, decision)) return;
    // At its point of no return it has asked already.
    const asked = context?.hasDefers && !context.committed ? this.#run.events.decide(decision) : undefined;
    if (!asked) this.#stand(context, decision);
    else this.#ask(asked, context, settlement).catch((error: unknown) => this.breakOff(error));
  }

  /** What was asked for meanwhile counts. */
  async #ask(
    asked: Promise<DecideAnswer>,
    context: RunContext | undefined,
    settlement: Settlement,
  ): Promise<void> {
    const { time } = this.#run;
    let answer: DecideAnswer | undefined;
    this.#state = 'asking';
    this.#run.clearLimits();
    // A shutdown waits no longer than its time.
    const work = time.beginWork(Infinity);
    await work.wait(asked.then((given) => (answer = given)));
    time.endWork(work);
    this.#state = 'open';
    if (answer === 'refused') this.#decide(context, settlement);
    else this.#stand(context, this.#ruleOn(context, settlement));
  }

  #ruleOn(context: RunContext | undefined, settlement: Settlement): Decision {
    const { key, requests, type, failure } = this.#run;
    const { swallowedCancel, maxEventBytes } = type.options;
    return decideOutcome(settlement, {
      key,
      failure,
      requests,
      interruption: context?.node.cancellation,
      swallowedCancel,
      maxEventBytes,
      isOwnCancellation: (error) => context?.node.explains(error) ?? false,
    });
  }

  #stand(context: RunContext | undefined, decision: Decision): void {
    this.#state = 'decided';
    this.#run.clearLimits();
    if (!this.#run.isOutlived) this.#report(decision);
    if (!context?.hasDefers) {
      this.#finish(decision);
      return;
    }
    cleanUp(this.#run, context, decision)
      .then((final) => this.#finish(final))
      .catch((error: unknown) => this.breakOff(error));
  }

  /** What the outcome does not say. */
  #report(decision: Decision): void {
    if (decision.swallowed) this.#run.report.swallowed(decision.status);
    if ('discardedError' in decision) this.#run.report.error('The handler', decision.discardedError);
  }

  /** What a decision becomes when the state of the task cannot be folded: by then, or behind the terminal event itself. */
  #folded(decision: Decision): Decision {
    const { events, key, failure } = this.#run;
    // No terminal event is written where the task goes on.
    if (!events.fold || events.isFollowed(decision)) return decision;
    const failed = addFailure(key, decision, failure);
    return addFailure(key, failed, events.foldEnd(failed.status, terminalEventData(failed)));
  }

  #finish(given: Decision): void {
    const decision = this.#folded(given);
    const outcome = outcomeOf(decision, this.#run);
    const data = terminalEventData(decision);
    this.#reached = new KeptOutcome(outcome, decision.json);
    this.#run.close(decision.abandoned ?? false);
    this.#announce(decision, outcome, data);
  }

  /**
   * Its place is free, its watchers see the end, it retires, and those who wait are told: in this order, and in this call
   * if the journal takes the end at once. Otherwise the run is over when it has.
   *
   * @param data of the terminal event
   */
  #announce(decision: Decision, outcome: TaskOutcome, data: string): void {
    // A watcher may start the next task when it sees the end of this one.
    this.#host.onFree(this.#run);
    const written = this.#run.events.end(outcome.status, data);
    if (!written) {
      this.#retire(outcome);
      return;
    }
    this.#onItsWay = { decision, outcome };
    this.#await(written).catch((error: unknown) => this.#run.report.error('The end', error));
  }

  async #await(written: Promise<void>): Promise<void> {
    const { time, report } = this.#run;
    // A shutdown waits no longer than its time.
    const work = time.beginWork(Infinity);
    const isTaken = await work.wait(written);
    time.endWork(work);
    const { outcome } = this.#onItsWay as { outcome: TaskOutcome };
    this.#onItsWay = undefined;
    if (!isTaken && !this.#run.isOutlived) report.lostEnd(outcome.status);
    this.#retire(outcome);
  }

  #retire(outcome: TaskOutcome): void {
    const run = this.#run;
    this.#host.onOver(run);
    this.#resolve?.(outcome);
    this.#promise = undefined;
    this.#resolve = undefined;
    if (outcome.status === 'failed' && !run.isOutlived)
      run.report.guard('The report of the failure', () => run.report.failed(outcome.error));
    run.letGo();
  }
}
