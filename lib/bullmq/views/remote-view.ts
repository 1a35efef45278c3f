import { CancelledError } from '../../cancellation/errors.js';
import { inRootContext } from '../../cancellation/async-context.js';
import { within } from '../../cancellation/time/countdown.js';
import type { CancelAnswer, CancelRequest, FoldedState, TaskView } from '../../engine/task-view.js';
import type { LogCursor } from '../../log/read/log-cursor.js';
import type { LogReader } from '../../log/read/log-reader.js';
import type { LogState } from '../../log/read/log-source.js';
import { LogWindow } from '../../log/read/log-window.js';
import type { WindowBudget } from '../../log/read/window-budget.js';
import type { TaskRun } from '../../run/task-run.js';
import { TaskFailedError, TaskNotFoundError, TaskTimeoutError } from '../../task/errors.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import type { TaskRecord } from '../../task/task-record.js';
import type { TaskRef } from '../../task/task-ref.js';
import { isTerminal, type TaskStatus, type TerminalStatus } from '../../task/task-status.js';
import type { RedisLogSource } from '../redis/redis-log-source.js';
import { recordOf, type StoredTask } from '../redis/stored-task.js';

/** How long an outcome waits for subscribers of this process to read the end, in milliseconds: Redis may be away. */
const MAX_READ = 1_000;

/** What a view asks of its engine. */
export interface ViewHost {
  /** Whether its tasks here have ended, or go on elsewhere. */
  readonly isClosing: boolean;
  /** Whether its connection is closed. */
  readonly isClosed: boolean;
  cancel(view: RemoteView, request: CancelRequest): Promise<CancelAnswer>;
  signal(view: RemoteView, name: string, json: string): Promise<boolean>;
  /** Asks Redis for its newest state. */
  reload(view: RemoteView): Promise<void>;
  /** Somebody may ask for its outcome. */
  onHeld(view: RemoteView): void;
  /** Somebody waits for its end. */
  onFollowed(view: RemoteView): void;
  /** A watcher has come or gone. */
  onWatched(view: RemoteView): void;
}

/** A run as this process sees it, wherever it runs. */
export class RemoteView implements TaskView {
  readonly log: LogWindow<StoredTask>;
  readonly #host: ViewHost;
  #watchers = 0;
  /** Subscribers of this process. */
  readonly #readers = new Set<LogCursor>();
  #onAllRead: (() => void) | undefined;
  #outcome: Promise<TaskOutcome> | undefined;
  /** Set while it runs here, and when its last try ran here: it knows the handler's own error. */
  run: TaskRun | undefined;

  constructor(
    readonly ref: TaskRef,
    readonly epoch: string,
    source: RedisLogSource,
    state: LogState<StoredTask>,
    host: ViewHost,
    budget: WindowBudget,
  ) {
    this.log = new LogWindow(source, state, { budget });
    this.#host = host;
  }

  get owner(): string | undefined {
    return this.log.record.owner ?? undefined;
  }

  get inputBytes(): number | undefined {
    return this.log.record.inputBytes ?? undefined;
  }

  /** As last heard. */
  get status(): TaskStatus {
    return this.log.record.status;
  }

  get stored(): StoredTask {
    return this.log.record;
  }

  /** Whether anybody here watches it, or waits for its end. */
  get isFollowed(): boolean {
    return this.#watchers > 0 || this.#outcome !== undefined;
  }

  /** Watchers of this process. */
  get watchers(): number {
    return this.#watchers;
  }

  get folded(): FoldedState | undefined {
    const { state, stateBefore, endedAt, lastSeq } = this.stored;
    if (state === null) return undefined;
    return endedAt === null
      ? { json: state, seq: lastSeq }
      : { json: stateBefore ?? state, seq: lastSeq - 1 };
  }

  get record(): TaskRecord {
    const record = recordOf(this.ref, this.log.record);
    // Nothing is heard any more: of the watchers only those that are left here are known.
    return this.#host.isClosed ? { ...record, watchers: this.#watchers } : record;
  }

  reload(): Promise<void> {
    return this.#host.reload(this);
  }

  hold(): void {
    if (!this.#outcome) this.#host.onHeld(this);
  }

  /** Hears of its end from now on. */
  follow(): void {
    void this.outcome;
  }

  get outcome(): Promise<TaskOutcome> {
    if (!this.#outcome) {
      this.#outcome = inRootContext(() => this.#untilEnd());
      this.#host.onFollowed(this);
    }
    return this.#outcome;
  }

  get isLeft(): boolean {
    return this.#host.isClosing && !this.log.ended;
  }

  attach(reader?: LogCursor): void {
    if (reader) this.#readers.add(reader);
    this.#watchers++;
    this.#host.onWatched(this);
  }

  detach(reader?: LogCursor): void {
    if (reader && this.#readers.delete(reader) && this.#readers.size === 0) this.#onAllRead?.();
    this.#watchers--;
    this.#host.onWatched(this);
  }

  requestCancel(request: CancelRequest): Promise<CancelAnswer> {
    return this.#host.cancel(this, request);
  }

  signal(name: string, json: string): Promise<boolean> {
    return this.#host.signal(this, name, json);
  }

  async #untilEnd(): Promise<TaskOutcome> {
    if (!this.log.ended) await whenEnded(this.log);
    await this.#untilRead();
    return this.#outcomeHere() ?? outcomeOf(this.ref, this.log.record);
  }

  /** The end may be known before the last events are here. */
  async #untilRead(): Promise<void> {
    if (this.#readers.size === 0) return;
    const read = new Promise<void>((resolve) => {
      this.#onAllRead = resolve;
    });
    await within(MAX_READ, read);
  }

  /** That of the run, if it is how the task has ended. */
  #outcomeHere(): TaskOutcome | Promise<TaskOutcome> | undefined {
    const { run } = this;
    return run?.end?.status === this.status ? run.outcome : undefined;
  }
}

/** How a task has ended that ran elsewhere. */
function outcomeOf(ref: TaskRef, task: StoredTask): TaskOutcome {
  const { status, endedAt } = task;
  const { cancellation: reason, error, finalValue } = recordOf(ref, task);
  const { calledAt, requests = [], isWhole, swallowed = false, abandoned = false } = task.facts;
  const facts = {
    started: calledAt !== undefined,
    requests: isWhole || !reason ? requests : [...requests, reason],
    swallowed,
    abandoned,
    durationMs: calledAt === undefined || endedAt === null ? 0 : Math.max(0, endedAt - calledAt),
    ...(reason && { reason }),
  };
  if (!isTerminal(status)) {
    // The store has lost it: how it went on is not known.
    return { ...facts, status: 'failed', error: new TaskNotFoundError(ref) };
  }
  const end: TerminalStatus = status;
  if (end === 'completed') return { ...facts, status: end, value: finalValue };
  if (end === 'failed') {
    const { message = '', errorType = 'Error' } = error ?? {};
    const failure = { ...facts, status: end, error: new TaskFailedError(message, errorType) };
    return reason ? { ...failure, cancellation: new CancelledError(reason) } : failure;
  }
  const cancellation = new CancelledError(reason ?? { kind: 'external' });
  if (end === 'cancelled') return { ...facts, status: end, error: cancellation };
  const { of = 'total', timeout = 0 } = reason ?? {};
  return { ...facts, status: end, error: new TaskTimeoutError(of, timeout, cancellation) };
}

function whenEnded(log: LogReader): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!log.ended) return;
      subscription.unsubscribe();
      resolve();
    };
    const subscription = log.subscribe(look);
    look();
  });
}
