import { AsyncContext } from '../cancellation/async-context.js';
import type { ScopeNode } from '../cancellation/scope/scope-node.js';
import { clock } from '../cancellation/time/clock.js';
import type { CancelKind, CancelReason } from '../cancellation/cancel-reason.js';
import type { LogReader } from '../log/read/log-reader.js';
import type { DecidedEnd, RunJournal } from '../log/run-journal.js';
import type { CancellationRule } from '../cancellation/is-cancellation.js';
import type { InvalidStateError } from '../task/errors.js';
import type { TaskOutcome } from '../task/task-outcome.js';
import type { TaskRecord } from '../task/task-record.js';
import { type TaskRef, taskKey } from '../task/task-ref.js';
import type { TaskStatus } from '../task/task-status.js';
import type { RunOptions } from '../engine/new-task.js';
import type { CancelAnswer, CancelRequest, FoldedState, TaskView } from '../engine/task-view.js';
import type { TaskType } from '../task-types/task-type.js';
import { CancelRequests, type RequestDetails } from './cancel/cancel-requests.js';
import { RunCancellation } from './cancel/run-cancellation.js';
import { followSignal } from './cancel/external-signals.js';
import { TimeLimits } from './cancel/time-limits.js';
import { runHandler } from './handler/run-handler.js';
import { contextOfStart, RunContext } from './handler/run-context.js';
import { SignalInbox } from './handler/signal-inbox.js';
import type { Decision, Settlement } from './outcome/decide-outcome.js';
import type { KeptOutcome } from './outcome/kept-outcome.js';
import { RunEnd } from './outcome/run-end.js';
import { cancellationRuleOf } from './cancel/cancellation-rule.js';
import { RunEvents } from './run-events.js';
import type { TaskInput } from '../task-types/input/task-input.js';
import { Retries } from './retries.js';
import { RunReporter } from './run-reporter.js';
import { recordOf } from './run-record.js';
import type { RunHost } from './run-host.js';
import { type AcceptedRequest, goOnFrom, type TaskHistory } from './task-history.js';

let runs = 0;

/**
 * One run of a task type, from its registration to its terminal event.
 *
 * Everything that can end it (the handler, a cancel, a time limit, the end of the grace) meets in `settle`, which decides
 * once. Later calls change nothing. No other place writes a terminal status.
 */
export class TaskRun implements TaskView {
  readonly key: string;
  /** Counts the runs of this process, from 1. */
  readonly number = ++runs;
  readonly requests = new CancelRequests();
  readonly events: RunEvents;
  createdAt = clock().epoch();
  attempt = 0;
  startedAt: number | null = null;
  /** When the handler was first called, on the monotonic clock. */
  calledAt: number | undefined;
  /** Let go at the end. */
  input: TaskInput | undefined;
  readonly inputBytes: number | undefined;
  /** What else its handler's errors may be that is a cancellation. */
  readonly cancellationRule: CancellationRule | undefined;
  readonly #host: RunHost;
  /** That of its `start()`. The handler runs in it, also when another task's end gives it its place. Let go at the end. */
  #asyncContext: AsyncContext | undefined;
  readonly #end: RunEnd;
  // Made when the first of them is needed, as most runs need none.
  #timeMade: TimeLimits | undefined;
  #reportMade: RunReporter | undefined;
  #inboxMade: SignalInbox | undefined;
  #retriesMade: Retries | undefined;
  #cancellationMade: RunCancellation | undefined;
  #context: RunContext | undefined;
  #status: 'pending' | 'running' | 'cancelling' = 'pending';
  #watchers = 0;
  #abandonedHandler = false;
  #isClosing = false;
  #unfollow: (() => void) | undefined;

  constructor(
    readonly type: TaskType,
    readonly ref: TaskRef,
    input: TaskInput | undefined,
    readonly options: RunOptions,
    /** Its readers find its events here. The run itself only writes. */
    readonly log: LogReader,
    journal: RunJournal,
    host: RunHost,
    history?: TaskHistory,
  ) {
    this.key = taskKey(ref);
    this.#host = host;
    this.#end = new RunEnd(this, host);
    this.input = input;
    this.inputBytes = input?.bytes;
    this.events = new RunEvents(this, journal, history?.state);
    if (history) goOnFrom(this, history);
    this.cancellationRule = host.isCancellation && cancellationRuleOf(host.isCancellation, this.report);
    this.#asyncContext = contextOfStart();
  }

  get time(): TimeLimits {
    return (this.#timeMade ??= new TimeLimits(this));
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
    return this.#end.isDecided;
  }

  get inbox(): SignalInbox {
    return (this.#inboxMade ??= new SignalInbox(this.#host.signals));
  }

  /** Why it fails, whatever becomes of its handler. */
  get failure(): InvalidStateError | undefined {
    return this.events.fold?.failure;
  }

  /** Whether no handler is to be called any more. */
  get mustEnd(): boolean {
    return this.requests.any || this.failure !== undefined;
  }

  /** Whether its handler has passed its point of no return. */
  get committed(): boolean {
    return this.#context?.committed ?? false;
  }

  /** The scope of the handler, while one runs. */
  get node(): ScopeNode | undefined {
    return this.#context?.node;
  }

  get watchers(): number {
    return this.#watchers;
  }

  get outcome(): Promise<TaskOutcome> {
    return this.#end.promise;
  }

  get owner(): string | undefined {
    return this.options.owner;
  }

  get folded(): FoldedState | undefined {
    const { fold } = this.events;
    const { ended, lastSeq } = this.log;
    return fold && { json: fold.json, seq: ended ? lastSeq - 1 : lastSeq };
  }

  get record(): TaskRecord {
    return recordOf(this);
  }

  attach(): void {
    this.#watchers++;
    this.#timeMade?.onWatched();
  }

  detach(): void {
    this.#watchers--;
    if (this.type.options.cancelWhenUnwatched !== null && !this.over) this.time.awaitWatcher();
  }

  /** Cancels the run when a signal aborts. Of one that has aborted it gives what the run is to be cancelled with. */
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
      this.#end.breakOff(error);
    }
  }

  #begin(): void {
    if (this.decided) return;
    if (this.mustEnd) return this.settle(undefined, { kind: 'idle' });
    this.startedAt ??= clock().epoch();
    this.enter('running', this.attempt + 1);
    if (this.options.timeout !== null || this.type.options.cancelWhenUnwatched !== null) this.time.begin();
    this.#try(this.input?.forTry());
  }

  /**
   * Requests a cancellation.
   *
   * @param grace what the handler has for its cleanup; of several requests the shortest counts
   * @returns whether it was accepted: the outcome was not decided, and the point of no return not passed
   */
  cancel(kind: CancelKind, details: RequestDetails = {}, grace?: number): boolean {
    if (kind === 'shutdown') this.#isClosing = true;
    if (kind === 'lost' && !this.over) this.outlive();
    if (this.decided || this.committed) return false;
    this.#inContext(() => this.#cancel(kind, details, grace));
    return true;
  }

  requestCancel(request: CancelRequest): CancelAnswer {
    if (!this.cancel('external', request, request.grace)) return this.over ? 'ended' : 'decided';
    return this.status === 'cancelled' ? 'cancelled' : 'cancelling';
  }

  signal(name: string, json: string): boolean {
    if (this.decided) return false;
    this.inbox.send(name, json);
    return true;
  }

  #cancel(kind: CancelKind, details: RequestDetails, grace: number | undefined): void {
    const first = !this.requests.any;
    const reason = this.requests.add(kind, details);
    if (this.#status === 'pending') this.settle(undefined, { kind: 'idle' });
    else if (first) this.interrupt(reason, grace);
    else this.#cancellation.onAnother(reason, grace);
  }

  /** The handler is told of the first request. */
  interrupt(reason: CancelReason, grace: number = this.options.grace): void {
    this.enter('cancelling');
    this.time.beginGrace(grace);
    // Watchers of a task that goes on elsewhere are told nothing.
    if (!this.isHandedOver) this.events.tellCancelling(reason);
    // A watcher in this process may have made the handler withdraw it on seeing that event.
    const standing = this.requests.standing[0];
    if (standing) this.#context?.node.interrupt(standing, this.requests.causeOf(standing));
  }

  /** Withdraws the newest request that can be withdrawn. */
  uncancel(): number {
    return this.decided ? 0 : this.#cancellation.withdraw();
  }

  /**
   * Aborts the handler with reason `shutdown`, so that another instance goes on with the task. If somebody cancels the task before the end
   * of this run is taken, it is cancelled all the same.
   *
   * @param grace what the handler has for its cleanup
   * @returns `false` where it is being cancelled, or cannot be any more: then the task ends here
   */
  handOver(grace: number): boolean {
    this.#isClosing = true;
    if (this.#status !== 'running' || this.mustEnd || this.decided || this.committed) return false;
    this.#inContext(() => this.#cancellation.handOver(grace));
    return true;
  }

  /** Whether it ends only so that another instance goes on with the task. The task is not cancelled. */
  get isHandedOver(): boolean {
    return this.#cancellationMade?.isHandedOver ?? false;
  }

  /** Whether the task goes on without it. Then its end is the end of nothing else, and is not reported. */
  get isOutlived(): boolean {
    return this.#cancellationMade?.isOutlived ?? false;
  }

  /** For a journal that, in place of its end, writes that another try follows. */
  outlive(): void {
    this.#cancellation.outlive();
  }

  /** For a journal that was given the end, and knows of requests to cancel that the run has not seen: it decides again, by the same rules. */
  decideAgain(requests: readonly AcceptedRequest[]): DecidedEnd {
    const { isOutlived } = this;
    this.#cancellation.takeLate(requests);
    return this.#end.decideAgain(isOutlived);
  }

  /** Its state cannot be folded any more: `events.fold` says why. */
  fail(): void {
    const { failure } = this;
    if (failure && !this.decided) this.#inContext(() => this.#cancellation.fail(failure));
  }

  /** The handler has passed its point of no return: no time limit counts from here on. */
  onCommitted(context: RunContext): void {
    // That of an earlier try, or of cleanup, commits nothing of this run's.
    if (this.decided || context !== this.#context) return;
    this.time.suspend();
    if (this.#isClosing) this.time.shortenGrace(this.options.grace);
  }

  #inContext<Result>(body: () => Result): Result {
    return this.#asyncContext ? this.#asyncContext.run(body) : body();
  }

  #try(input: unknown): void {
    const context = new RunContext(this, this.attempt, input);
    this.#context = context;
    this.events.tell('started', `{"attempt":${this.attempt}}`);
    if (this.type.options.idleTimeout !== null) this.time.awaitEvent();
    // A watcher may have cancelled it on seeing that event.
    if (this.mustEnd) return this.settle(context, { kind: 'idle' });
    // What its handler enters by `enterWith` is of this try alone.
    if (this.type.options.attempts > 1) new AsyncContext().run(() => void runHandler(this, context));
    else void runHandler(this, context);
  }

  /** Its grace is over, and its handler still runs. */
  abandon(): void {
    if (this.#end.isSettled) return;
    this.#inContext(() => {
      this.#abandonedHandler = true;
      this.report.abandoned(this.committed);
      this.settle(this.#context, { kind: 'abandoned' });
    });
  }

  /** The one place where an outcome is decided: what became of a try, or of a run without one. */
  settle(context: RunContext | undefined, settlement: Settlement): void {
    if (!this.#end.isSettled && context === this.#context) this.#end.decide(context, settlement);
    else if (this.#abandonedHandler) this.report.late(settlement.kind === 'threw' ? 'threw' : 'returned');
  }

  /** Begins what leads to another try, if one follows the one that has ended. */
  triesAgain(context: RunContext, decision: Decision): boolean {
    const mayTry = decision.status === 'failed' && !decision.abandoned && !this.#isClosing;
    if (!mayTry || this.mustEnd || !this.#retries.allow(decision.error)) return false;
    this.#context = undefined;
    this.time.endTry(context.committed);
    this.#retries.next(context, decision).catch((error: unknown) => this.#end.breakOff(error));
    return true;
  }

  /** Calls the handler once more, with a copy of the input. */
  tryAgain(input: unknown): void {
    this.#inContext(() => {
      this.enter('running', this.attempt + 1);
      this.#try(input);
    });
  }

  /** No time limit counts any more. */
  clearLimits(): void {
    this.#timeMade?.clear();
  }

  /** Nothing of its handler is seen from here on. */
  close(isAbandoned: boolean): void {
    this.#context?.close(isAbandoned);
    if (this.#unfollow) this.report.guard('The signal given to start()', this.#unfollow);
  }

  /** From here on it is a record and a log. */
  letGo(): void {
    this.requests.forgetCause();
    this.#inboxMade?.clear();
    this.#inboxMade = undefined;
    this.input = undefined;
    this.#context = undefined;
    this.#asyncContext = undefined;
    this.#unfollow = undefined;
    this.#timeMade = undefined;
    this.events.onEvent = undefined;
  }

  get #retries(): Retries {
    return (this.#retriesMade ??= new Retries(this));
  }

  get #cancellation(): RunCancellation {
    return (this.#cancellationMade ??= new RunCancellation(this));
  }

  /** The one place that changes what it is doing. How it has ended is said by its end alone. */
  enter(status: 'running' | 'cancelling', attempt: number = this.attempt): void {
    this.#status = status;
    this.attempt = attempt;
    this.events.mark(status, attempt);
  }
}
