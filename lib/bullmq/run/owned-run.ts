import type { Logger } from '@nestjs/common';
import type { CancelReason } from '../../cancellation/cancel-reason.js';
import type { CancellationRule } from '../../cancellation/is-cancellation.js';
import type { DecidedEnd, TryEnd as RunTryEnd } from '../../log/run-journal.js';
import type { RunHost } from '../../run/run-host.js';
import type { TaskHistory } from '../../run/task-history.js';
import { TaskRun } from '../../run/task-run.js';
import { TaskInput } from '../../task-types/input/task-input.js';
import type { TaskType } from '../../task-types/task-type.js';
import { toJson } from '../../task/json/json.js';
import { WorkerLostError } from '../errors.js';
import type { EventBuffer } from '../redis/event-buffer.js';
import type { JournalRun, Release } from '../redis/journal-run.js';
import { RedisJournal } from '../redis/redis-journal.js';
import type { Claim, RedisTasks } from '../redis/redis-tasks.js';
import type { StoredTask } from '../redis/stored-task.js';
import type { StoreConnection } from '../redis/connection/store-connection.js';
import { requestsFrom, type StoredRequest } from '../redis/stored-request.js';
import type { RemoteView } from '../views/remote-view.js';
import { NextTry } from './next-try.js';
import { oneTryOf } from './one-try.js';
import { SignalDelivery } from './signal-delivery.js';
import { ToldOutcome } from './told-outcome.js';
import { TotalLimit } from './total-limit.js';
import { storedOptions } from '../stored-options.js';

/** A claim that gave the task to this instance. */
export type OwnClaim = Extract<Claim, { readonly lease: unknown }>;

/** What becomes of the task when its try here is over. */
export type TryEnd =
  /** It has ended. */
  | { readonly kind: 'ended' }
  /** Another instance owns it. */
  | { readonly kind: 'lost' }
  /** Another try follows, in so many milliseconds, on whichever instance. So many are left of the total timeout. */
  | { readonly kind: 'again'; readonly delay: number; readonly left: number };

/** What a run needs of its instance. */
export interface RunParts {
  readonly connection: StoreConnection;
  readonly tasks: RedisTasks;
  readonly buffer: EventBuffer;
  readonly logger: Logger;
  readonly isCancellation: CancellationRule | undefined;
}

/** One try of a task that this instance owns. It has one: a try that follows is a claim of its own. */
export class OwnedRun implements JournalRun {
  readonly run: TaskRun;
  readonly journal: RedisJournal;
  /** Settles when it is over, for this instance. Rejects where it cannot be told. */
  readonly over: Promise<TryEnd>;
  readonly #parts: RunParts;
  /** Without what is large: a handle reaches it after the end. */
  readonly #claim: Pick<OwnClaim, 'verdict' | 'lease' | 'task' | 'hasSignals'>;
  readonly #type: TaskType;
  readonly #view: RemoteView;
  #finish: (end: TryEnd) => void = () => {};
  #fail: (error: unknown) => void = () => {};
  #release: Release | undefined;
  #isLost = false;
  #isWatched = false;
  #isHandedBack = false;
  /** Set when it is over. */
  end: TryEnd | undefined;
  readonly #signals: SignalDelivery;
  readonly #told: ToldOutcome;
  readonly #limit: TotalLimit;
  readonly #next: NextTry;

  constructor(parts: RunParts, claim: OwnClaim, type: TaskType, view: RemoteView) {
    const { verdict, lease, task, hasSignals, checkpoint, requests } = claim;
    this.#parts = parts;
    this.#claim = { verdict, lease, task, hasSignals };
    this.#type = type;
    this.#view = view;
    this.#told = new ToldOutcome(claim);
    this.journal = new RedisJournal(parts.connection, lease, parts.buffer, this);
    this.over = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    const { grace } = storedOptions(task.options);
    this.#limit = new TotalLimit(claim);
    const { timeout } = this.#limit;
    const owner = task.owner ?? undefined;
    const options = { timeout, grace, ...(owner !== undefined && { owner }), ...metadataOf(claim) };
    const host = this.#host();
    this.run = new TaskRun(
      // Redis is told that the handler was called, whatever becomes of the instance.
      oneTryOf(type, () => this.journal.look()),
      view.ref,
      undefined,
      options,
      view.log,
      this.journal,
      host,
      this.#history(requests, checkpoint),
    );
    view.run = this.run;
    // Later tries go by it, too.
    this.run.time.onMoved = (ms) => {
      this.#told.moveLimit(this.#limit.move(ms));
      this.journal.look();
    };
    this.#next = new NextTry({ run: this.run, type, lease, task, told: this.#told, limit: this.#limit });
    this.#signals = new SignalDelivery(parts.tasks, claim.lease, this.run, () => this.#isLost);
  }

  get key(): string {
    return this.run.key;
  }

  /** What its instance calls it in Redis. */
  get record(): string {
    return this.#claim.lease.keys.record;
  }

  #history(requests: readonly StoredRequest[], checkpoint: string | null): TaskHistory {
    const { verdict, lease, task } = this.#claim;
    const begins = verdict === 'run' || verdict === 'resumed';
    return {
      tries: begins ? lease.attempt - 1 : lease.attempt,
      createdAt: task.createdAt,
      startedAt: task.startedAt,
      elapsed: this.#limit.elapsed,
      ...this.#told.history,
      checkpoint,
      state: task.state,
      ...(verdict === 'cancelled' && { requests: requestsFrom(reasonOf(task), requests) }),
    };
  }

  #host(): RunHost {
    return {
      logger: this.#parts.logger,
      isCancellation: this.#parts.isCancellation,
      // How many may wait is counted where they wait: in Redis.
      signals: { take: () => true, giveBack: () => {} },
      onFree: () => {},
      onOver: () => this.#settle(),
    };
  }

  /**
   * Goes on as the claim says.
   *
   * @param input as JSON; `undefined` for none
   */
  begin(input: string | undefined): void {
    try {
      this.#begin(input);
    } catch (error) {
      this.#fail(error);
    }
  }

  #begin(input: string | undefined): void {
    const { verdict, hasSignals, lease } = this.#claim;
    if (verdict === 'cancelled') {
      this.run.begin();
      return;
    }
    if (verdict === 'lost') {
      this.run.settle(undefined, { kind: 'threw', error: new WorkerLostError() });
      return;
    }
    // Its time ended between two tries. A timer would let the handler begin first.
    const { timeout, left } = this.#limit;
    if (timeout !== null && lease.attempt > 1 && left <= 1) {
      this.run.cancel('timeout', { of: 'total', timeout });
      return;
    }
    if (verdict === 'resumed') {
      const retry = { attempt: lease.attempt, delay: 0, message: 'The worker was lost', cause: 'lost' };
      this.run.events.tell('retrying', toJson(retry));
    }
    if (hasSignals) void this.#signals.fetch();
    let received: TaskInput | Promise<TaskInput>;
    try {
      received = TaskInput.received(this.#type, input);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (received instanceof TaskInput) this.#call(received);
    else {
      received
        .then(
          (checked) => this.#call(checked),
          (error: unknown) => this.#refuse(error),
        )
        .catch(this.#fail);
    }
  }

  #refuse(error: unknown): void {
    if (this.#isHandedBack) return;
    // Another version of the schema would say the same again.
    this.#next.isUseful = false;
    this.run.settle(undefined, { kind: 'threw', error });
  }

  #call(input: TaskInput): void {
    // A cancel may have come meanwhile. A run that has ended keeps no input.
    if (this.#isHandedBack || this.run.decided) return;
    this.run.input = input;
    this.#noteWatchers();
    this.run.begin();
  }

  /** Its instance closes, and it has not begun: it is left to others. */
  giveBack(): void {
    this.#handBack().catch(this.#fail);
  }

  async #handBack(): Promise<void> {
    this.#isHandedBack = true;
    const release = this.folded(this.#next.elsewhere());
    if (!release) {
      this.run.settle(undefined, { kind: 'idle' });
      return;
    }
    const answer = await this.journal.release(release);
    if (answer === 'taken') {
      this.#release = release;
      this.#settle();
    } else if (answer === 'lost') this.onLost();
    else if (!this.run.decided) this.run.cancel('shutdown');
  }

  /**
   * Its instance closes: it is cancelled, or goes on elsewhere.
   *
   * @param timeout until then it is over here, in milliseconds
   */
  endBefore(timeout: number): void {
    const { resumable } = this.#type.options;
    // Its input is being checked: no handler has to be told.
    if (resumable && this.run.status === 'pending' && !this.run.decided) {
      this.#handBack().catch((error: unknown) => this.onFailure(error));
      return;
    }
    const isGone = resumable && this.run.handOver(timeout);
    if (!isGone) this.run.cancel('shutdown', {}, Math.min(this.run.options.grace, timeout));
    this.run.time.limitRemainingTime(timeout);
  }

  /** Whether its handler or its cleanup still ran when its time was over. */
  get isAbandoned(): boolean {
    return this.run.end?.outcome.abandoned ?? false;
  }

  /** Whether it was handed over. */
  get isGone(): boolean {
    return this.#release?.isFree ?? false;
  }

  /** The seq of the last event that it has written; 0 where it has lost its task. */
  get lastSeq(): number {
    if (this.#isLost) return 0;
    const seq = seqOf(this.journal.lastEventId);
    return this.#release ? seq + 1 : seq;
  }

  /** There is something to read for it: requests to cancel, signals. */
  look(): void {
    this.journal.look();
    void this.#signals.fetch();
    this.lookForWatchers().catch(() => {});
  }

  /** @throws StoreUnavailableError */
  async lookForWatchers(): Promise<void> {
    if (this.#type.options.cancelWhenUnwatched === null || this.run.decided) return;
    await this.#view.reload();
    this.#noteWatchers();
  }

  /** For the run it matters only whether there are any. */
  #noteWatchers(): void {
    const isWatched = this.#view.stored.watchers > 0;
    if (isWatched === this.#isWatched || this.run.decided) return;
    this.#isWatched = isWatched;
    if (isWatched) this.run.attach();
    else this.run.detach();
  }

  /** Another instance owns the task, or may. */
  lose(): void {
    this.journal.fence();
    this.onLost();
  }

  get progress(): string {
    return this.run.events.newestProgress;
  }

  get cancellation(): CancelReason | undefined {
    if (this.run.isHandedOver) return undefined;
    const [reason] = this.run.requests.standing;
    return reason;
  }

  factsOf(ending: DecidedEnd | undefined): string {
    return this.#told.of(this.run, ending, this.#release !== undefined);
  }

  get isHandedOver(): boolean {
    return this.run.isHandedOver;
  }

  onRequests(requests: readonly StoredRequest[]): boolean {
    if (this.run.decided) return false;
    for (const { kind, detail, by, grace } of requests) {
      const details = { ...(detail !== undefined && { detail }), ...(by !== undefined && { by }) };
      this.run.cancel(kind, details, grace);
    }
    return true;
  }

  onLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    if (this.#view.run === this.run) this.#view.run = undefined;
    this.run.cancel('lost');
  }

  onFailure(error: unknown): void {
    this.run.report.error('What Redis was given', error);
  }

  goesOn(end: RunTryEnd): boolean {
    return this.run.isHandedOver || (!end.abandoned && this.#next.follows(end));
  }

  insteadOf({ type }: DecidedEnd): Release | undefined {
    if (this.run.isHandedOver) this.#release = this.#next.elsewhere();
    else {
      const { error, abandoned } = this.run.end?.outcome ?? {};
      if (abandoned !== true && this.#next.follows({ status: type, error })) {
        this.#release = this.#next.after(error);
        this.run.outlive();
      }
    }
    return this.#release;
  }

  folded(release: Release): Release | undefined {
    const state = this.run.events.foldOwn(release.event.type, release.event.json);
    return state && { ...release, event: { ...release.event, ...state } };
  }

  decideAgain(_ending: DecidedEnd, requests: readonly StoredRequest[]): DecidedEnd {
    this.#release = undefined;
    return this.run.decideAgain(requests);
  }

  #settle(): void {
    if (this.end) return;
    if (this.#isLost) this.end = { kind: 'lost' };
    else if (this.#release) this.end = { kind: 'again', delay: this.#release.delay, left: this.#limit.left };
    else this.end = { kind: 'ended' };
    if (this.end.kind !== 'ended' && this.#view.run === this.run) this.#view.run = undefined;
    this.#finish(this.end);
  }
}

function reasonOf({ cancellation }: StoredTask): CancelReason | null {
  return JSON.parse(cancellation ?? 'null') as CancelReason | null;
}

function metadataOf({ task }: OwnClaim): { metadata?: never } {
  return task.metadata === null ? {} : { metadata: JSON.parse(task.metadata) as never };
}

function seqOf(id: string | null): number {
  return id === null ? 0 : Number(id.slice(id.lastIndexOf('-') + 1));
}
