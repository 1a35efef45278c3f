import { AsyncContext } from '../../cancellation/async-context.js';
import { clock } from '../../cancellation/time/clock.js';
import type { CancelKind } from '../../cancellation/cancel-reason.js';
import type { LogReader } from '../../log/log-reader.js';
import type { RunJournal } from '../../log/run-journal.js';
import type { CancellationRule } from '../../cancellation/is-cancellation.js';
import { toJson } from '../../task/json.js';
import { TaskContext, taskContextStorage } from '../../task/task-context.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import { type TaskRef, taskKey } from '../../task/task-ref.js';
import type { TaskSnapshot } from '../../task/task-snapshot.js';
import type { TaskStatus } from '../../task/task-status.js';
import type { TaskType } from '../types/task-type.js';
import { CancelRequests, type RequestDetails } from './cancel/cancel-requests.js';
import { followSignal } from './cancel/external-signals.js';
import { RunLimits } from './cancel/run-limits.js';
import { runHandler } from './handler/run-handler.js';
import { RunCleanup } from './handler/run-cleanup.js';
import { RunContext } from './handler/run-context.js';
import { SignalInbox } from './handler/signal-inbox.js';
import { type Decision, decideOutcome, type Settlement, addCleanupErrors } from './outcome/decide-outcome.js';
import type { KeptOutcome } from './outcome/kept-outcome.js';
import { RunEnd } from './outcome/run-end.js';
import { outcomeOf } from './outcome/run-outcome.js';
import { terminalEventData, wireReason } from './outcome/terminal-event.js';
import { Pause } from './pause.js';
import { publicError } from './public-error.js';
import { cancellationRuleOf } from './cancel/cancellation-rule.js';
import { RunEvents } from './run-events.js';
import type { RunInput } from './run-input.js';
import { RetryPolicy } from './retry-policy.js';
import { RunReporter } from './run-reporter.js';
import { snapshotOf } from './run-snapshot.js';
import type { RunHost, RunOptions } from './run-options.js';

let runs = 0;

/**
 * One run of a task type, from its registration to its terminal event.
 *
 * Everything that can end it (the handler, a cancel, a time limit, the end of the grace) meets in `settle`, which
 * decides once. Later calls change nothing. No other place writes a terminal status.
 */
export class TaskRun {
  readonly key: string;
  /** Counts the runs of this process, from 1. */
  readonly number = ++runs;
  readonly requests = new CancelRequests();
  readonly events: RunEvents;
  readonly createdAt = clock().epoch();
  attempt = 0;
  startedAt: number | null = null;
  /** What else its handler's errors may be that is a cancellation. */
  readonly cancellationRule: CancellationRule | undefined;
  readonly #host: RunHost;
  /** That of its `start()`. The handler runs in it, also when another task's end gives it its place. Let go at the end. */
  #asyncContext: AsyncContext | undefined;
  #input: RunInput | undefined;
  readonly #end = new RunEnd();
  // Made when the first of them is needed, as most runs need none.
  #limitsMade: RunLimits | undefined;
  #reportMade: RunReporter | undefined;
  #inboxMade: SignalInbox | undefined;
  #retriesMade: RetryPolicy | undefined;
  #context: RunContext | undefined;
  #status: 'pending' | 'running' | 'cancelling' = 'pending';
  #decided = false;
  #abandonedHandler = false;
  #isClosing = false;
  /** When the handler was first called. */
  #calledAt: number | undefined;
  #cleanup: RunCleanup | undefined;
  #cutoff = Infinity;
  #pause: Pause | undefined;
  #watchers = 0;
  #unfollow: (() => void) | undefined;

  constructor(
    readonly type: TaskType,
    readonly ref: TaskRef,
    input: RunInput,
    readonly options: RunOptions,
    /** For whoever reads its events. It reads none itself. */
    readonly log: LogReader,
    journal: RunJournal,
    host: RunHost,
  ) {
    this.key = taskKey(ref);
    this.#host = host;
    this.#input = input;
    this.events = new RunEvents(this, journal);
    this.cancellationRule = host.isCancellation && cancellationRuleOf(host.isCancellation, this.report);
    // A task that starts another one is not kept alive by it.
    this.#asyncContext = TaskContext.current()
      ? taskContextStorage.exit(() => new AsyncContext())
      : new AsyncContext();
  }

  get report(): RunReporter {
    return (this.#reportMade ??= new RunReporter(this.key, this.#host.logger));
  }

  get status(): TaskStatus {
    return this.#end.kept?.status ?? this.#status;
  }

  get endedAt(): number | null {
    return this.#end.kept?.endedAt ?? null;
  }

  /** Whether it has ended, for everybody. While its end is on its way to the journal, it has not. */
  get over(): boolean {
    return this.#end.kept !== undefined;
  }

  /** Set when the run is over. */
  get end(): KeptOutcome | undefined {
    return this.#end.kept;
  }

  /** Whether the outcome stands, though it may not be announced yet: a cancel comes too late. */
  get decided(): boolean {
    return this.#decided;
  }

  get inbox(): SignalInbox {
    return (this.#inboxMade ??= new SignalInbox(this.#host.signals));
  }

  get deadline(): number | null {
    return this.#limitsMade?.deadline ?? null;
  }

  /** When its total timeout ends, on the monotonic clock. */
  get dueAt(): number {
    return this.#limitsMade?.totalDueAt ?? Infinity;
  }

  get watchers(): number {
    return this.#watchers;
  }

  /** Settles when the run is over; never rejects. */
  get settled(): Promise<TaskOutcome> {
    return this.#end.promise;
  }

  snapshot(): TaskSnapshot {
    return snapshotOf(this);
  }

  /** Counts a watcher, until it detaches: each once. */
  attach(): void {
    this.#watchers++;
    this.#limitsMade?.unwatched.clear();
  }

  detach(): void {
    this.#watchers--;
    this.#awaitWatcher();
  }

  reschedule(ms: number | null): void {
    if (this.#isLimited) this.#limits.armTotal(ms);
  }

  /** Its total timeout has ended, as a scope inside that is due too was the first to see. */
  expire(): void {
    this.#limits.expireTotal();
  }

  /** It must wait for a place. */
  wait(): void {
    const { pendingTimeout } = this.type.options;
    if (pendingTimeout !== null) this.#limits.armPending(pendingTimeout);
  }

  /** It has a place, and no longer waits for one. */
  admit(): void {
    this.#limitsMade?.pending.clear();
  }

  /**
   * Cancels the run when a signal of the application's aborts. Throws what that throws.
   *
   * @returns what the run is to be cancelled with, where the signal is aborted already
   */
  follow(signal: AbortSignal): RequestDetails | undefined {
    // With its cause a task that follows another's signal, and fails with this one's error, is known to be cancelled.
    if (!signal.aborted) this.#unfollow = followSignal(signal, (cause) => this.cancel('external', { cause }));
    // A signal that is not Node's own may abort while it is followed.
    return signal.aborted ? { cause: signal.reason } : undefined;
  }

  /** Calls the handler for the first time. Never throws. */
  begin(): void {
    try {
      this.#inContext(() => this.#begin());
    } catch (error) {
      this.#endBrokenly(error);
    }
  }

  #begin(): void {
    if (this.#decided) return;
    this.startedAt = clock().epoch();
    this.#enter('running', 1);
    if (this.options.timeout !== null) this.#limits.armTotal(this.options.timeout);
    this.#awaitWatcher();
    this.#try(this.#input?.forTry());
  }

  /**
   * Requests a cancellation.
   *
   * @param grace what the handler has for its cleanup; of several requests the shortest counts
   * @returns whether it was accepted: the outcome was not decided, and the point of no return not passed
   */
  cancel(kind: CancelKind, details: RequestDetails = {}, grace?: number): boolean {
    if (kind === 'shutdown') this.#isClosing = true;
    if (this.#decided || this.#context?.committed) return false;
    return this.#inContext(() => this.#cancel(kind, details, grace));
  }

  #cancel(kind: CancelKind, details: RequestDetails, grace: number | undefined): boolean {
    const first = !this.requests.any;
    const reason = this.requests.add(kind, details);
    if (this.#status === 'pending') {
      this.settle(undefined, { kind: 'idle' });
      return true;
    }
    if (!first) {
      if (grace !== undefined) this.#limits.grace.shorten(this.#withinCutoff(grace));
      return true;
    }
    this.#enter('cancelling');
    // Cleanup has the grace, and no other time but the whole run's.
    this.#limits.idle.clear();
    this.#limits.unwatched.clear();
    this.#limits.grace.shorten(this.#withinCutoff(grace ?? this.options.grace));
    if (this.type.options.announceCancelling) this.events.tell('cancelling', toJson(wireReason(reason)));
    // A watcher in this process may have made the handler withdraw it on seeing that event.
    const [standing] = this.requests.standing;
    if (standing) this.#context?.interrupt(standing, this.requests.causeOf(standing));
    this.#pause?.end();
    return true;
  }

  /** Withdraws the newest request that can be withdrawn. */
  uncancel(): number {
    const [before] = this.requests.standing;
    if (this.#decided || !before) return 0;
    this.requests.withdraw();
    const [reason] = this.requests.standing;
    if (reason && reason !== before) this.#context?.replaceReason(reason, this.requests.causeOf(reason));
    if (!reason) {
      this.#enter('running');
      this.#limits.grace.stop();
      this.#context?.restore();
      this.#awaitWatcher();
      this.#awaitEvent();
    }
    return this.requests.standing.length;
  }

  /** Whatever it still has to do must be done, cleanup included, within `ms` from now. */
  limitRemainingTime(ms: number): void {
    this.#cutoff = Math.min(this.#cutoff, clock().now() + ms);
    this.#cleanup?.shorten(ms);
    this.#end.limitRemainingTime(ms);
    if (this.#decided) return;
    if (this.requests.any) this.#limits.grace.shorten(ms);
    // Nothing cancels it, so nothing else ends it.
    else if (this.#context?.committed) this.#limits.grace.shorten(Math.min(ms, this.options.grace));
  }

  /** The handler has passed its point of no return: no time limit counts from here on. */
  onCommitted(context: RunContext): void {
    // That of an earlier try, or of cleanup, commits nothing of this run's.
    if (this.#decided || context !== this.#context) return;
    this.#limitsMade?.suspend();
    if (this.#isClosing) this.#limits.grace.shorten(this.#withinCutoff(this.options.grace));
  }

  #inContext<Result>(body: () => Result): Result {
    return this.#asyncContext ? this.#asyncContext.run(body) : body();
  }

  /**
   * @param input its own copy
   */
  #try(input: unknown): void {
    const context = new RunContext(this, this.attempt, input);
    this.#context = context;
    this.events.tell('started', `{"attempt":${this.attempt}}`);
    this.#awaitEvent();
    // A watcher may have cancelled it on seeing that event.
    if (this.requests.any) {
      this.settle(context, { kind: 'idle' });
      return;
    }
    void runHandler(this, context);
  }

  /** The handler is about to be called. */
  onCall(): void {
    this.#calledAt ??= clock().now();
  }

  #abandon(): void {
    this.#abandonedHandler = true;
    this.report.abandoned(this.#context?.committed ?? false);
    this.settle(this.#context, { kind: 'abandoned' });
  }

  /** Says what became of a try. The one place where an outcome is decided. */
  settle(context: RunContext | undefined, settlement: Settlement): void {
    if (this.#decided || context !== this.#context) {
      if (this.#abandonedHandler) this.report.late(settlement.kind === 'threw' ? 'threw' : 'returned');
      return;
    }
    try {
      this.#decide(context, settlement);
    } catch (error) {
      this.#endBrokenly(error);
    }
  }

  #decide(context: RunContext | undefined, settlement: Settlement): void {
    const { swallowedCancel, maxEventBytes } = this.type.options;
    const decision = decideOutcome(settlement, {
      key: this.key,
      requests: this.requests,
      interruption: context?.cancellation,
      swallowedCancel,
      maxEventBytes,
      isOwnCancellation: (error) => context?.explains(error) ?? false,
    });
    const mayTryAgain = decision.status === 'failed' && !decision.abandoned && !this.#isClosing;
    if (mayTryAgain && context && !this.requests.any && this.#retries.allows(this.attempt, decision.error)) {
      this.#retry(context, decision).catch((error: unknown) => this.#endBrokenly(error));
      return;
    }
    this.#decided = true;
    this.#limitsMade?.clear();
    if (decision.swallowed) this.report.swallowed(decision.status);
    if (!context?.hasDefers) {
      this.#finish(decision);
      return;
    }
    this.#cleanUp(context, decision)
      .then((final) => this.#finish(final))
      .catch((error: unknown) => this.#endBrokenly(error));
  }

  /** A fault of this package, or an error that cannot be looked at: whatever it is, the run ends, and says so. */
  #endBrokenly(cause: unknown): void {
    this.report.error('The end', cause);
    if (this.#end.isReached) return;
    this.#decided = true;
    this.#limitsMade?.clear();
    this.#finish({ status: 'failed', error: new Error(`The end of ${this.key} failed`, { cause }) });
  }

  async #retry(context: RunContext, decision: Decision): Promise<void> {
    const { attempts } = this.type.options;
    const failed = this.attempt;
    this.#context = undefined;
    this.#limitsMade?.idle.clear();
    if (context.committed) {
      this.#limitsMade?.resume();
      this.#awaitWatcher();
    }
    const { error, abandoned } = await this.#cleanUp(context, decision);
    if (error !== decision.error) this.report.error(`The cleanup after try ${failed}`, error);
    context.close(abandoned ?? false);
    if (this.#decided) return;
    if (!this.requests.any) {
      const delay = this.#retries.delayAfter(failed);
      this.report.retrying(decision.error, failed, attempts, delay);
      const { message } = publicError(decision.error);
      this.events.tell('retrying', toJson({ attempt: failed + 1, delay, message }));
      if (!this.requests.any) await (this.#pause ??= new Pause()).wait(delay);
      if (this.#decided) return;
    }
    let input: unknown;
    try {
      input = await this.#input?.forTry();
    } catch (refused) {
      if (!this.requests.any) {
        this.settle(undefined, { kind: 'threw', error: refused });
        return;
      }
    }
    if (this.#decided) return;
    if (this.requests.any) this.settle(undefined, { kind: abandoned ? 'abandoned' : 'idle' });
    else this.#tryAgain(input);
  }

  #tryAgain(input: unknown): void {
    this.#inContext(() => {
      this.#enter('running', this.attempt + 1);
      this.#try(input);
    });
  }

  async #cleanUp(context: RunContext, decision: Decision): Promise<Decision> {
    if (!context.hasDefers) return decision;
    const cleanup = new RunCleanup(this.#withinCutoff(this.options.grace), (error) =>
      this.report.error('The cleanup, given up before it threw,', error),
    );
    this.#cleanup = cleanup;
    const { errors, abandoned } = await taskContextStorage.run(context, () =>
      cleanup.run(context, this.#outcomeOf(decision)),
    );
    this.#cleanup = undefined;
    if (abandoned && !decision.abandoned) this.report.abandonedCleanup();
    return addCleanupErrors(this.key, { ...decision, ...(abandoned && { abandoned }) }, errors);
  }

  #finish(decision: Decision): void {
    const outcome = this.#outcomeOf(decision);
    const data = terminalEventData(decision);
    this.#end.reach(outcome, decision.json);
    this.#context?.close(decision.abandoned ?? false);
    if (this.#unfollow) this.report.guard('The signal given to start()', this.#unfollow);
    // A watcher may start the next task when it sees the end of this one.
    this.#host.onFree(this);
    const written = this.events.end(outcome.status, data);
    if (written) {
      this.#await(written, outcome).catch((error: unknown) => this.report.error('The end', error));
    } else {
      this.#leave(outcome);
    }
  }

  /** Its end is on its way. Everything is decided, and nobody knows. */
  async #await(written: Promise<void>, outcome: TaskOutcome): Promise<void> {
    const hasCome = await this.#end.arrive(written, this.#withinCutoff(Infinity));
    if (!hasCome) this.report.lostEnd(outcome.status);
    this.#leave(outcome);
  }

  /** It is over. */
  #leave(outcome: TaskOutcome): void {
    this.#host.onOver(this);
    this.#end.announce(outcome);
    if (outcome.status === 'failed') {
      this.report.guard('The report of the failure', () => this.report.failed(outcome.error));
    }
    this.#letGo();
  }

  /** From here on it is a record and a log. */
  #letGo(): void {
    this.requests.forgetCause();
    this.#inboxMade?.clear();
    this.#inboxMade = undefined;
    this.#input = undefined;
    this.#context = undefined;
    this.#asyncContext = undefined;
    this.#unfollow = undefined;
    this.#limitsMade = undefined;
    this.#cleanup = undefined;
  }

  #outcomeOf(decision: Decision): TaskOutcome {
    return outcomeOf(decision, {
      requests: this.requests.all,
      started: this.#calledAt !== undefined,
      durationMs: this.#calledAt === undefined ? 0 : clock().now() - this.#calledAt,
    });
  }

  get #retries(): RetryPolicy {
    return (this.#retriesMade ??= new RetryPolicy(this.type.options, this.report));
  }

  get #limits(): RunLimits {
    return (this.#limitsMade ??= new RunLimits(
      (of, timeout) => this.cancel('timeout', { of, timeout }),
      () => this.#inContext(() => this.#abandon()),
    ));
  }

  #awaitWatcher(): void {
    const { cancelWhenUnwatched } = this.type.options;
    if (cancelWhenUnwatched === null || this.#watchers > 0 || this.#status !== 'running' || !this.#isLimited)
      return;
    this.#limits.unwatched.arm(cancelWhenUnwatched, () => this.cancel('unwatched'));
  }

  #awaitEvent(): void {
    const { idleTimeout } = this.type.options;
    // Between two tries no handler runs that could send one.
    if (idleTimeout === null || !this.#isLimited || !this.#context) return;
    this.events.onEvent ??= () => this.#limitsMade?.noteEvent();
    this.#limits.armIdle(idleTimeout);
  }

  /** Whether time limits count. */
  get #isLimited(): boolean {
    return !this.#decided && !this.#context?.committed;
  }

  #withinCutoff(ms: number): number {
    return Math.max(0, Math.min(ms, this.#cutoff - clock().now()));
  }

  /** The one place that changes what it is doing. How it has ended is said by its end alone. */
  #enter(status: 'running' | 'cancelling', attempt: number = this.attempt): void {
    this.#status = status;
    this.attempt = attempt;
    this.events.mark(status, attempt);
  }
}
