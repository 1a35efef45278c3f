import type { CancelScope } from '../../cancellation/scope/cancel-scope.js';
import { AsyncContext } from '../../cancellation/async-context.js';
import { quietIf } from '../../cancellation/promises.js';
import { assertBody, assertLimit } from '../../cancellation/scope/scope-body.js';
import { ScopeNode } from '../../cancellation/scope/scope-node.js';
import type { DecideAnswer, Written } from '../../log/run-journal.js';
import { TaskEndedError } from '../../task/errors.js';
import { assertEventType, assertSignalName } from '../../task/task-event.js';
import type { Json, JsonInput } from '../../task/json/json.js';
import { type TaskCleanup, TaskContext, taskContextStorage } from '../../task/task-context.js';
import type { Progress } from '../../task/task-snapshot.js';
import type { TaskRun } from '../task-run.js';
import { HandlerSteps } from './handler-steps.js';
import type { RegisteredCleanup } from './run-cleanup.js';

const done = Promise.resolve();

/** The handler's context for one try. The run does everything that it asks for. */
export class RunContext extends TaskContext {
  // Users log and copy this object: what is not theirs is private to JavaScript, too.
  readonly #run: TaskRun;
  readonly #steps: HandlerSteps;
  #defers: RegisteredCleanup[] | undefined;
  #takesDefers = true;
  #committed = false;
  /** As JSON until it is asked for: most handlers never do. */
  #checkpoint: string | { readonly value: Json } | undefined;

  constructor(
    run: TaskRun,
    readonly attempt: number,
    readonly input: unknown,
  ) {
    const steps = new HandlerSteps(run);
    super(new ScopeNode(undefined, false, steps));
    this.#run = run;
    this.#steps = steps;
    this.#checkpoint = run.events.checkpoint;
  }

  /** For a handler that is a generator. */
  get steps(): HandlerSteps {
    return this.#steps;
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

  get owner(): string | undefined {
    return this.#run.options.owner;
  }

  get checkpoint(): Json | null {
    if (typeof this.#checkpoint === 'string')
      this.#checkpoint = { value: JSON.parse(this.#checkpoint) as Json };
    return this.#checkpoint?.value ?? null;
  }

  get deadline(): number | null {
    return this.#run.time.deadline;
  }

  get expired(): boolean {
    return this.reason?.kind === 'timeout' && this.reason.of === 'total';
  }

  get cancelling(): number {
    return this.#run.requests.standing.length;
  }

  cancel(detail?: string): boolean {
    return !this.node.over && this.#run.cancel('self', detail === undefined ? {} : { detail });
  }

  uncancel(): number {
    return this.node.over ? 0 : this.#run.uncancel();
  }

  sendEvent(type: string, data?: JsonInput): Promise<void> {
    if (this.node.over) return done;
    assertEventType(type);
    const { events } = this.#run;
    const isProgress = type === 'progress' && typeof data === 'object' && data !== null;
    return (isProgress ? events.progress(data) : events.send(type, data)) ?? done;
  }

  progress(progress: number | Progress): Promise<void> {
    return this.emitProgress(progress) ?? done;
  }

  /** What a generator yields or an Observable emits is a `progress` event, whatever its type. */
  emitProgress(value: unknown): Written {
    return this.node.over ? undefined : this.#run.events.progress(value);
  }

  saveCheckpoint(data: JsonInput): Promise<void> {
    return (this.node.over ? undefined : this.#run.events.saveCheckpoint(data)) ?? done;
  }

  waitForSignal<T = Json>(name: string, { scope = this }: { scope?: CancelScope } = {}): Promise<T> {
    assertSignalName(name);
    // What is cancelled or has ended takes no signal.
    if (scope.cancelled || scope.node.over) return scope.node.suspend<T>(() => undefined);
    if (this.node.over) return new Promise(() => {});
    const { inbox } = this.#run;
    const waiting = inbox.take(name);
    if (waiting) return Promise.resolve(waiting.data as T);
    return scope.node.suspend<T>((resolve) => inbox.receive(name, (data) => resolve(data as T)));
  }

  defer(cleanup: TaskCleanup): void {
    assertBody('defer', cleanup);
    if (this.node.over)
      throw new TaskEndedError(`defer() after the end of ${this.key}: nothing would call it`);
    if (!this.#takesDefers) {
      throw new TaskEndedError(`defer() in ${this.key} after the time for cleanup: nothing would call it`);
    }
    (this.#defers ??= []).push({ cleanup, context: new AsyncContext() });
  }

  commit<T>(body: (scope: CancelScope) => Promise<T>): Promise<T> {
    if (typeof body !== 'function') {
      return Promise.reject(new TypeError(`commit(): expected a function, got ${typeof body}`));
    }
    if (this.node.over) return Promise.reject(new TaskEndedError(`commit() after the end of ${this.key}`));
    // A try that is cancelled already passes no point of no return.
    if (this.cancelled) return this.node.suspend<T>(() => undefined);
    const asked = this.#committed ? undefined : this.#run.events.decide(undefined);
    if (asked) return quietIf(this.#commitAfter(asked, body), (error) => this.node.hasThrown(error));
    return this.#enterCommit(body);
  }

  #enterCommit<T>(body: (scope: CancelScope) => Promise<T>): Promise<T> {
    if (!this.#committed) {
      this.#committed = true;
      this.#run.onCommitted(this);
    }
    return this.shield(body);
  }

  /** The run was told of a cancel that was first: that ends the wait. */
  async #commitAfter<T>(asked: Promise<DecideAnswer>, body: (scope: CancelScope) => Promise<T>): Promise<T> {
    const answer = await this.waitFor(asked);
    // Of what has cancelled it everything was withdrawn.
    if (answer === 'refused') return this.commit(body);
    return this.#enterCommit(body);
  }

  get committed(): boolean {
    return this.#committed;
  }

  reschedule(ms: number | null): void {
    assertLimit('reschedule', ms);
    if (this.node.over) throw new TaskEndedError(`reschedule() after the end of ${this.key}`);
    if (this.cancelled)
      throw new TaskEndedError(`reschedule() in ${this.key}, which is cancelled and only cleans up`);
    this.#run.time.reschedule(ms);
  }

  /** The cleanup registered last, taken from the list. */
  takeDefer(): RegisteredCleanup | undefined {
    return this.#defers?.pop();
  }

  closeDefers(): void {
    this.#takesDefers = false;
  }

  get hasDefers(): boolean {
    return this.#defers !== undefined && this.#defers.length > 0;
  }

  /** This try is over. No cleanup can be registered any more, and what the handler still does is ignored. */
  close(isAbandoned: boolean): void {
    this.steps.isOver = !isAbandoned;
    this.node.retire();
  }
}

/** The async context of a `start()`. Where a task starts another one, the new task does not keep the first alive. */
export function contextOfStart(): AsyncContext {
  return TaskContext.current() ? taskContextStorage.exit(() => new AsyncContext()) : new AsyncContext();
}
