import { Inject, Injectable, Logger } from '@nestjs/common';
import { clock } from '../../cancellation/time/clock.js';
import { within } from '../../cancellation/time/countdown.js';
import type { RunHost } from '../../run/run-host.js';
import { TaskRun } from '../../run/task-run.js';
import { type ResolvedOptions, type ShutdownOptions, STREAMING_OPTIONS } from '../../streaming.options.js';
import { TooManyTasksError } from '../../task/errors.js';
import type { Filled } from '../../task/options/task-options.js';
import type { TaskRef } from '../../task/task-ref.js';
import type { TerminalStatus } from '../../task/task-status.js';
import { ListenerDelivery } from '../listeners/listener-delivery.js';
import type { NewTask } from '../new-task.js';
import type { EndedTasks, TaskEngine, TaskListing, TaskQuery } from '../task-engine.js';
import { beginSoon } from './begin-soon.js';
import { ConcurrencyLimiter } from './concurrency-limiter.js';
import { cursorBehind, readCursor } from './list-cursor.js';
import { TaskStore } from './task-store.js';

/** Runs all tasks in this process. A run is its own view, and everything is done in the call. */
@Injectable()
export class LocalEngine implements TaskEngine {
  readonly where = 'in this process';
  readonly #limiter = new ConcurrencyLimiter(beginSoon);
  readonly #host: RunHost;

  constructor(
    private readonly store: TaskStore,
    private readonly listeners: ListenerDelivery,
    @Inject(STREAMING_OPTIONS) { isCancellation }: ResolvedOptions,
  ) {
    this.#host = {
      logger: new Logger('Streaming'),
      signals: store.signals,
      isCancellation,
      onFree: (run) => this.#limiter.leave(run),
      onOver: (run) => store.retire(run),
    };
  }

  /** All of it is in memory. */
  open(): void {}
  begin(): void {}
  close(): void {}

  start(task: NewTask): { view: TaskRun; created: boolean } {
    const { type, ref, options, isNew, restart } = task;
    const existing = isNew ? undefined : this.store.find(ref);
    if (existing && !(restart && existing.over)) return { view: existing, created: false };
    if (this.#limiter.isOverfull(type, (options.delay ?? 0) > 0)) {
      throw new TooManyTasksError(ref.app, ref.name, type.options.maxPending);
    }
    return { view: this.#register(task), created: true };
  }

  #register({ type, ref, input, options, signal }: NewTask): TaskRun {
    const log = this.store.createLog(ref, type.options.replay);
    const run = new TaskRun(type, ref, input, options, log, log, this.#host);
    // First: a signal that is not Node's own may throw, and then nothing is kept.
    const aborted = signal && run.follow(signal);
    this.listeners.follow(run);
    this.store.add(run);
    if (aborted) run.cancel('external', aborted);
    if (!run.decided) this.#limiter.enter(run);
    return run;
  }

  find(ref: TaskRef): TaskRun | undefined {
    return this.store.find(ref);
  }

  /** Runs are numbered as they are registered, so tasks that come or go do not move a page. */
  list({ cursor, ...filter }: TaskQuery, most: number): TaskListing {
    const below = cursor === undefined ? Infinity : readCursor(cursor);
    const runs: TaskRun[] = [];
    const all = [...this.store.all()];
    for (let at = all.findLastIndex((run) => run.number < below); at >= 0 && runs.length < most; at--) {
      const run = all[at] as TaskRun;
      if (passes(run, filter)) runs.push(run);
    }
    return { views: runs, cursorBehind: (index) => cursorBehind((runs[index] as TaskRun).number) };
  }

  async shutdown({ drain, timeout }: Filled<ShutdownOptions>): Promise<EndedTasks> {
    const runs = [...this.store.live];
    const all = Promise.all(runs.map((run) => run.outcome));
    for (const run of runs) if (run.status === 'pending') run.cancel('shutdown');
    if (drain > 0) await within(drain, all);

    const deadline = clock().now() + timeout;
    for (const run of runs) {
      run.cancel('shutdown', {}, Math.min(run.options.grace, timeout));
      run.time.limitRemainingTime(timeout);
    }
    const outcomes = await all;
    const count = (status: TerminalStatus): number =>
      outcomes.filter((outcome) => outcome.status === status).length;
    return {
      completed: count('completed'),
      cancelled: count('cancelled'),
      failed: count('failed'),
      timedOut: count('timeout'),
      abandoned: runs.filter((_run, index) => outcomes[index]?.abandoned).map((run) => run.key),
      handedOver: [],
      left: Math.max(0, deadline - clock().now()),
    };
  }
}

function passes(run: TaskRun, { app, name, status, owner }: TaskQuery): boolean {
  return (
    (app === undefined || run.ref.app === app) &&
    (name === undefined || run.ref.name === name) &&
    (status === undefined || run.status === status) &&
    (owner === undefined || run.owner === owner)
  );
}
