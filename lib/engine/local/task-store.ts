import { Inject, Injectable } from '@nestjs/common';
import { clock } from '../../cancellation/time/clock.js';
import { Timer } from '../../cancellation/time/timer.js';
import { TaskLog } from '../../log/task-log.js';
import { type ResolvedOptions, STREAMING_OPTIONS } from '../../streaming.options.js';
import { isTaskRef, type TaskRef, taskKey } from '../../task/task-ref.js';
import type { Filled, ReplayLimits } from '../../task/options/task-options.js';
import type { SignalBudget } from '../../run/handler/signal-inbox.js';
import type { TaskRun } from '../../run/task-run.js';

/** Every task of this process, running or ended and still kept. */
@Injectable()
export class TaskStore {
  readonly #retention: number;
  readonly #mostEnded: number;
  readonly #mostBytes: number;
  readonly #runs = new Map<string, TaskRun>();
  /** Oldest first, with the monotonic time until which each is kept. */
  readonly #ended = new Map<TaskRun, number>();
  #bytes = 0;
  #signalBytes = 0;
  #timer: Timer | undefined;

  constructor(@Inject(STREAMING_OPTIONS) { replay }: ResolvedOptions) {
    this.#retention = replay.retention;
    this.#mostEnded = replay.tasks;
    this.#mostBytes = replay.totalBytes;
  }

  /** The memory of signals that tasks have not taken yet. Ended tasks make room for them, as they do for logs. */
  readonly signals: SignalBudget = {
    take: (bytes) => {
      if (this.#signalBytes + bytes > this.#mostBytes) return false;
      this.#signalBytes += bytes;
      this.#evict();
      return true;
    },
    giveBack: (bytes) => {
      this.#signalBytes -= bytes;
    },
  };

  /** The bytes of a log are about to change. */
  readonly onBytes = (delta: number): void => {
    this.#bytes += delta;
    if (this.#bytes + this.#signalBytes > this.#mostBytes) this.#evict();
  };

  get bytes(): number {
    return this.#bytes;
  }

  get live(): ReadonlySet<TaskRun> {
    return new Set([...this.#runs.values()].filter((run) => !run.over));
  }

  find(ref: TaskRef): TaskRun | undefined {
    return isTaskRef(ref) ? this.get(taskKey(ref)) : undefined;
  }

  get(key: string): TaskRun | undefined {
    return this.#runs.get(key);
  }

  /** All tasks, oldest first. */
  all(): Iterable<TaskRun> {
    return this.#runs.values();
  }

  createLog(ref: TaskRef, limits: Filled<ReplayLimits>): TaskLog {
    return new TaskLog(ref, limits, this.onBytes);
  }

  /** Keeps a new run; an ended one of the same key is forgotten. */
  add(run: TaskRun): void {
    const before = this.#runs.get(run.key);
    if (before) this.#forget(before);
    this.#runs.set(run.key, run);
  }

  /** The run is over: it is kept for `retention`, as long as there is room. */
  retire(run: TaskRun): void {
    // Its own last event may have made a watcher start the id anew.
    if (this.#runs.get(run.key) !== run) return;
    if (this.#retention === 0) {
      this.#forget(run);
      return;
    }
    this.#ended.set(run, clock().now() + this.#retention);
    this.#evict();
    this.#sweep();
  }

  #evict(): void {
    for (const run of this.#ended.keys()) {
      if (this.#ended.size <= this.#mostEnded && this.#bytes + this.#signalBytes <= this.#mostBytes) return;
      this.#forget(run);
    }
  }

  /** Forgets what is due, and sets the one timer for what is due next. */
  #sweep(): void {
    const now = clock().now();
    for (const [run, until] of this.#ended) {
      if (until > now) {
        this.#timer ??= this.#sweepIn(until - now);
        return;
      }
      this.#forget(run);
    }
  }

  #sweepIn(ms: number): Timer {
    return new Timer(ms, () => {
      this.#timer = undefined;
      this.#sweep();
    }).unref();
  }

  #forget(run: TaskRun): void {
    this.#ended.delete(run);
    this.#bytes -= run.log.bytes;
    if (this.#runs.get(run.key) === run) this.#runs.delete(run.key);
  }
}
