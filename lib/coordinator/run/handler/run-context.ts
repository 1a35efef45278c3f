import type { CancelReason } from '../../../cancellation/cancel-reason.js';
import type { CancelScope } from '../../../cancellation/cancel-scope.js';
import { CancelledError } from '../../../cancellation/cancelled.error.js';
import { TaskEndedError } from '../../../task/errors/task-ended.error.js';
import { assertEventType, assertSignalName } from '../../../task/task-event.js';
import type { Json, JsonInput } from '../../../task/json.js';
import { type TaskCleanup, TaskContext } from '../../../task/task-context.js';
import type { Progress } from '../../../task/task-snapshot.js';
import type { TaskRun } from '../task-run.js';

const done = Promise.resolve();

/** What the handler holds in its hands for one try; everything it asks for is done by the run. */
export class RunContext extends TaskContext {
  readonly attempt: number;
  readonly #run: TaskRun;
  #defers: TaskCleanup[] | undefined;

  constructor(run: TaskRun, attempt: number) {
    super();
    this.#run = run;
    this.attempt = attempt;
  }

  get app(): string {
    return this.#run.ref.app;
  }

  get name(): string {
    return this.#run.ref.name;
  }

  get id(): string {
    return this.#run.ref.id;
  }

  get key(): string {
    return this.#run.key;
  }

  get input(): unknown {
    return this.#run.input;
  }

  get owner(): string | undefined {
    return this.#run.start.owner;
  }

  get deadline(): number | null {
    return this.#run.deadline;
  }

  get expired(): boolean {
    return this.reason?.kind === 'timeout' && this.reason.of === 'total';
  }

  get cancelling(): number {
    return this.#run.requests.standing.length;
  }

  cancel(detail?: string): boolean {
    return !this.over && this.#run.cancel('self', detail === undefined ? {} : { detail });
  }

  uncancel(): number {
    return this.over ? 0 : this.#run.uncancel();
  }

  sendEvent(type: string, data?: JsonInput): Promise<void> {
    assertEventType(type);
    if (this.over) return done;
    if (type === 'progress' && typeof data === 'object' && data !== null) this.#run.progress(data);
    else this.#run.send(type, data);
    return done;
  }

  progress(progress: number | Progress): Promise<void> {
    this.emitProgress(progress);
    return done;
  }

  /** What a generator yields or an Observable emits is a `progress` event, whatever its type. */
  emitProgress(value: unknown): void {
    if (!this.over) this.#run.progress(value);
  }

  waitForSignal<T = Json>(name: string, { scope = this }: { scope?: CancelScope } = {}): Promise<T> {
    assertSignalName(name);
    if (scope.cancellation) return Promise.reject(scope.cancellation);
    const { inbox } = this.#run;
    const waiting = inbox.take(name);
    if (waiting) return Promise.resolve(waiting.data as T);
    return scope.suspend<T>((resolve) => inbox.receive(name, (data) => resolve(data as T)));
  }

  defer(cleanup: TaskCleanup): void {
    if (typeof cleanup !== 'function')
      throw new TypeError(`defer(): expected a function, got ${typeof cleanup}`);
    if (this.over) throw new TaskEndedError(`defer() after the end of ${this.key}: nothing would call it`);
    (this.#defers ??= []).push(cleanup);
  }

  reschedule(ms: number | null): void {
    if (ms !== null && (typeof ms !== 'number' || Number.isNaN(ms))) {
      throw new RangeError(`reschedule(): expected a number of milliseconds or null, got ${String(ms)}`);
    }
    if (this.over) throw new TaskEndedError(`reschedule() after the end of ${this.key}`);
    this.#run.reschedule(ms);
  }

  /** Cancels the scope; the run has noted the request. */
  interrupt(reason: CancelReason, cause: unknown): void {
    this.abort(this.#cancelledBy(reason, cause));
  }

  /** A fresh signal, after every request was withdrawn. */
  restore(): void {
    this.renew();
  }

  /** What was the reason is withdrawn, and another request stands: the scope stays cancelled, if it is, by that. */
  restate(reason: CancelReason, cause: unknown): void {
    if (this.cancelled) this.renew(this.#cancelledBy(reason, cause));
  }

  #cancelledBy(reason: CancelReason, cause: unknown): CancelledError {
    return new CancelledError(reason, { scope: this, cause });
  }

  /** The cleanup registered last, taken from the list. */
  takeDefer(): TaskCleanup | undefined {
    return this.#defers?.pop();
  }

  get hasDefers(): boolean {
    return this.#defers !== undefined && this.#defers.length > 0;
  }

  /** From here on cleanup cannot be registered: this try is over, and what the handler still does concerns nobody. */
  close(): void {
    this.retire();
  }

  override get dueAt(): number {
    return this.#run.dueAt;
  }

  override expire(): void {
    this.#run.expire();
  }

  protected override reportCallbackError(error: unknown): void {
    this.#run.report.error('An onCancel() callback', error);
  }
}
