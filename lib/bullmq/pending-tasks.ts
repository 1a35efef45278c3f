import type { CancelReason } from '../cancellation/cancel-reason.js';
import { Timer } from '../cancellation/time/timer.js';
import { terminalEventData } from '../run/outcome/terminal-event.js';
import { refOf } from './ref-of.js';
import { readTask } from './redis/redis-log-source.js';
import type { EndWaitingReply } from './redis/scripts/end-waiting.js';
import type { TaskIndex } from './redis/task-index.js';
import { limitOf } from './run/total-limit.js';
import { storedOptions } from './stored-options.js';
import type { TaskQueue } from './task-queue.js';
import { tellListeners, type TellParts } from './tell-listeners.js';

interface PendingParts extends TellParts {
  readonly index: TaskIndex;
  readonly retention: number;
  readonly onError: (error: unknown) => void;
}

/** So many of the tasks that were started here are known, at most: those that have begun elsewhere are among them. */
const MAX_STARTED = 100_000;

/** The first wait before a task that was started anew is looked at again, and the last: then sweeps do it. In milliseconds. */
const FIRST_LOOK = 20;
const LAST_LOOK = 2_000;

/** What is due later than in so many milliseconds has no timer here: it may go on elsewhere, and a sweep ends it. */
const MAX_TIMER = 60_000;

/** The tasks that no instance owns: they wait for their first try, or for a later one. */
export class PendingTasks {
  readonly #parts: PendingParts;
  /** Those that were started here, the oldest first. */
  readonly #started = new Map<string, TaskQueue>();

  /** Of those that wait too long soon. */
  readonly #timers = new Map<string, Timer>();
  /** Of those whose earlier run still has a job. */
  readonly #looks = new Set<Timer>();

  constructor(parts: PendingParts) {
    this.#parts = parts;
  }

  /**
   * A task was started here.
   *
   * @param deadline when it has waited too long, in milliseconds; `undefined` for never
   */
  onStart(queue: TaskQueue, key: string, pendingTimeout: number | null, deadline: number | undefined): void {
    this.#started.set(key, queue);
    const [oldest] = this.#started.keys();
    if (this.#started.size > MAX_STARTED && oldest !== undefined) this.#started.delete(oldest);
    if (deadline === undefined || pendingTimeout === null) return;
    this.#endAfter(deadline, queue, key, pendingTimeout);
  }

  /**
   * A try has ended here, and another one follows, on whichever instance.
   *
   * @param left of its total timeout, in milliseconds
   */
  onRelease(queue: TaskQueue, key: string, left: number): void {
    if (left === Infinity) return;
    queue.store.setDeadline(key, left);
    this.#endAfter(left, queue, key, null);
  }

  /** To the moment, where that is soon. Otherwise, and if this instance is lost by then, a sweep ends it, be it of another one. */
  #endAfter(ms: number, queue: TaskQueue, key: string, pendingTimeout: number | null): void {
    this.#stopTimer(key);
    if (ms > MAX_TIMER) return;
    const timer = new Timer(ms, () => {
      this.#timers.delete(key);
      void this.#endLate(queue, key, pendingTimeout);
    });
    this.#timers.set(key, timer.unref());
  }

  #stopTimer(key: string): void {
    this.#timers.get(key)?.clear();
    this.#timers.delete(key);
  }

  close(): void {
    for (const timer of [...this.#timers.values(), ...this.#looks]) timer.clear();
    this.#timers.clear();
    this.#looks.clear();
  }

  /** A task waits no longer. */
  onBegin(key: string): void {
    this.#stopTimer(key);
    this.#started.delete(key);
  }

  /**
   * A task has ended that no instance runs: its job has nothing to do.
   *
   * @param epoch of its run; `undefined` for whichever has a job
   */
  async onEnd(queue: TaskQueue | undefined, key: string, epoch: string | undefined): Promise<void> {
    const { index, retention, onError } = this.#parts;
    this.#stopTimer(key);
    this.#started.delete(key);
    // What fails here a sweep does, or the job itself when its time comes.
    const [, removed] = await Promise.allSettled([
      index.ended(key, retention),
      queue?.remove(refOf(key).id, epoch),
      tellListeners(this.#parts, key, epoch).catch(onError),
    ]);
    if (removed.status === 'fulfilled') queue?.store.forget([key]);
  }

  /** Finds tasks that wait without a job, and those that have waited too long. */
  async sweep(queue: TaskQueue, pendingTimeout: number | null): Promise<void> {
    const [pending, late] = await queue.store.due();
    for (const key of pending) await this.#ensureJob(queue, key);
    for (const key of late) await this.#endLate(queue, key, pendingTimeout);
  }

  /**
   * A task was started anew. The job of its earlier run may still be there, for as long as an instance takes to say that it is done.
   *
   * @throws StoreUnavailableError
   */
  async onRestart(queue: TaskQueue, key: string, wait = FIRST_LOOK): Promise<void> {
    if ((await this.#ensureJob(queue, key)) || wait > LAST_LOOK) return;
    const timer = new Timer(wait, () => {
      this.#looks.delete(timer);
      this.onRestart(queue, key, 2 * wait).catch(this.#parts.onError);
    });
    this.#looks.add(timer.unref());
  }

  /**
   * A task that waits has a job, whatever became of the instance that started it, or of the job of an earlier run.
   *
   * @returns `false` where somebody still works on that
   */
  async #ensureJob(queue: TaskQueue, key: string): Promise<boolean> {
    const { connection, tasks } = this.#parts;
    const page = await readTask(connection, tasks.keysOf(key), 1, 0);
    if (page?.record.status !== 'pending') {
      // Who has ended it may be lost: its job still has a place among those that wait.
      if (page?.ended) await queue.remove(refOf(key).id, page.record.epoch);
      queue.store.forget([key]);
      return true;
    }
    const { epoch, options } = page.record;
    const { priority } = storedOptions(options);
    const { id } = refOf(key);
    const found = await queue.epochOf(id);
    if (found === epoch) return true;
    // That of an earlier run would keep this one out. While somebody works on it, it stays.
    if (found !== undefined && !(await queue.remove(id, found))) return false;
    // Its time may not have come: then it goes back when it is claimed.
    await queue.add(id, { key, epoch }, { priority, delay: 0 });
    return true;
  }

  /**
   * Cancels those that were started here and still wait, as this instance closes.
   *
   * @returns how many
   */
  async cancelStarted(): Promise<number> {
    const reason = { kind: 'shutdown' as const };
    const ended = [...this.#started].map(async ([key, queue]) => {
      const answer = await this.#end(queue, key, 'cancelled', reason, 0);
      if (answer === 'begun') queue.store.forget([key]);
      return answer === 'ended';
    });
    return (await Promise.all(ended)).filter(Boolean).length;
  }

  /** It has waited too long for its first try, or its time is over between two tries. */
  async #endLate(queue: TaskQueue, key: string, pendingTimeout: number | null): Promise<void> {
    let answer: EndWaitingReply | undefined = 'begun';
    if (pendingTimeout !== null) {
      const reason = { kind: 'timeout' as const, of: 'pending' as const, timeout: pendingTimeout };
      answer = await this.#end(queue, key, 'timeout', reason, pendingTimeout);
    }
    if (answer === 'begun') answer = await this.#endBetweenTries(queue, key);
    if (answer === 'begun') queue.store.forget([key]);
  }

  async #endBetweenTries(queue: TaskQueue, key: string): Promise<EndWaitingReply | undefined> {
    const { connection, tasks, onError } = this.#parts;
    if (connection.isClosed) return undefined;
    try {
      const page = await readTask(connection, tasks.keysOf(key), 1, 0);
      // Started anew: what is noted of it is that of this run.
      if (page?.record.status === 'pending') return 'early';
      const limit = page && limitOf(page.record);
      if (!limit) return 'begun';
      const reason = { kind: 'timeout' as const, of: 'total' as const, timeout: limit.timeout };
      return await this.#end(queue, key, 'timeout', reason, limit.end, true);
    } catch (error) {
      onError(error);
      return undefined;
    }
  }

  /** @returns `undefined` where Redis does not answer */
  async #end(
    queue: TaskQueue,
    key: string,
    status: 'cancelled' | 'timeout',
    reason: CancelReason,
    minWait: number,
    isBetweenTries = false,
  ): Promise<EndWaitingReply | undefined> {
    const { connection, tasks, onError } = this.#parts;
    if (connection.isClosed) return undefined;
    try {
      const json = terminalEventData({ status, reason });
      const answer = await tasks.endWaiting(tasks.keysOf(key), status, reason, minWait, json, isBetweenTries);
      if (answer === 'ended') await this.onEnd(queue, key, undefined);
      return answer;
    } catch (error) {
      onError(error);
      return undefined;
    }
  }
}
