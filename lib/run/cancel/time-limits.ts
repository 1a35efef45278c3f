import type { TimeoutOf } from '../../cancellation/cancel-reason.js';
import { clock } from '../../cancellation/time/clock.js';
import { Countdown } from '../../cancellation/time/countdown.js';
import type { TaskRun } from '../task-run.js';

/** The limit of a whole run, all tries together. */
class TotalTimeout extends Countdown {
  /** As it was given, in milliseconds. */
  timeout = Infinity;
  /** When it ends, in epoch milliseconds. */
  deadline: number | null = null;
  /** When it would end, had the handler not passed its point of no return. */
  suspendedUntil = Infinity;
}

/**
 * The time limits of a run, and which of them count now. Each clock is made when it is first needed: most runs need none,
 * and one that is cancelled only its grace.
 */
export class TimeLimits {
  readonly #run: TaskRun;
  #total: TotalTimeout | undefined;
  /** Until it may begin, then for a place. */
  #pending: Countdown | undefined;
  #idle: Countdown | undefined;
  #unwatched: Countdown | undefined;
  /** At its end the handler is abandoned. */
  #grace: Countdown | undefined;
  /** What lies between two tries. */
  #pause: Countdown | undefined;
  /** Of what the run still does when its handler has ended, and what can be given less time: its cleanup, its end. */
  #work: Countdown | undefined;
  #lastEventAt = 0;
  /** How much of the total timeout is over when the run begins, in milliseconds. */
  elapsed = 0;
  /** Called when the total timeout was moved, with what is left of it in milliseconds. */
  onMoved: ((ms: number | null) => void) | undefined;
  /** All of the run has to be done then, on the monotonic clock. */
  #cutoff = Infinity;

  constructor(run: TaskRun) {
    this.#run = run;
  }

  get deadline(): number | null {
    return this.#total?.deadline ?? null;
  }

  /** When the total timeout ends, on the monotonic clock. */
  get dueAt(): number {
    return this.#total?.endsAt ?? Infinity;
  }

  /**
   * It must not begin yet.
   *
   * @param onTime called when it may
   */
  awaitStart(ms: number, onTime: () => void): void {
    this.#pending = new Countdown(onTime);
    this.#pending.set(ms);
  }

  /** It must wait for a place. */
  awaitPlace(): void {
    const { pendingTimeout } = this.#run.type.options;
    if (pendingTimeout === null) return;
    this.#pending = new Countdown(() => this.#onTimeout('pending', pendingTimeout));
    this.#pending.set(pendingTimeout);
  }

  /** It has a place, and no longer waits for one. */
  admit(): void {
    this.#pending?.clear();
  }

  begin(): void {
    const { timeout } = this.#run.options;
    if (timeout !== null) this.#setTotal(timeout - this.elapsed, timeout);
    this.awaitWatcher();
  }

  reschedule(ms: number | null): void {
    if (!this.#count) return;
    this.#setTotal(ms);
    this.onMoved?.(ms);
  }

  /** The total timeout has ended, as a scope inside that is due too was the first to see. */
  expire(): void {
    // Once: its own timer may have been the first.
    if (this.dueAt !== Infinity) this.#total?.end();
  }

  awaitWatcher(): void {
    const { cancelWhenUnwatched } = this.#run.type.options;
    if (cancelWhenUnwatched === null || this.#run.watchers > 0) return;
    if (this.#run.status !== 'running' || !this.#count) return;
    this.#unwatched ??= new Countdown(() => this.#run.cancel('unwatched'));
    this.#unwatched.set(cancelWhenUnwatched);
  }

  /** There is one. */
  onWatched(): void {
    this.#unwatched?.clear();
  }

  /** There is a handler that could send one. */
  awaitEvent(): void {
    const { idleTimeout } = this.#run.type.options;
    if (idleTimeout === null || !this.#count) return;
    const noteEvent = (): void => {
      this.#lastEventAt = clock().now();
    };
    this.#run.events.onEvent ??= noteEvent;
    noteEvent();
    this.#idle ??= new Countdown(() => this.#checkIdle(idleTimeout));
    this.#idle.set(idleTimeout);
  }

  /** One timer for many events: when it fires it looks how long ago the newest one was. */
  #checkIdle(idleTimeout: number): void {
    const rest = idleTimeout - (clock().now() - this.#lastEventAt);
    // Timers may fire up to a millisecond early.
    if (rest <= 1) this.#onTimeout('idle', idleTimeout);
    else this.#idle?.set(rest);
  }

  /** Cleanup has the grace, and no other time but the whole run's. */
  beginGrace(ms: number): void {
    this.#idle?.clear();
    this.#unwatched?.clear();
    this.#pause?.end();
    this.shortenGrace(ms);
  }

  shortenGrace(ms: number): void {
    this.#grace ??= new Countdown(() => this.#run.abandon());
    this.#grace.shorten(this.#within(ms));
  }

  /** Nothing is being cancelled any more. */
  stopGrace(): void {
    this.#grace?.clear();
  }

  /** The handler has passed its point of no return: nothing counts from here on. */
  suspend(): void {
    const total = this.#total;
    if (total) {
      total.suspendedUntil = total.endsAt;
      total.deadline = null;
    }
    this.clear();
  }

  /**
   * No handler runs until the next try.
   *
   * @param isCommitted whether the last one had passed its point of no return. The next one has not, and counts as before:
   *   the total timeout spans all tries, the time of the commit included
   */
  endTry(isCommitted: boolean): void {
    this.#idle?.clear();
    if (!isCommitted) return;
    const total = this.#total;
    if (total && total.suspendedUntil !== Infinity) {
      this.#setTotal(total.suspendedUntil - clock().now(), total.timeout);
      total.suspendedUntil = Infinity;
    }
    this.awaitWatcher();
  }

  /** The time between two tries; a cancel ends it. */
  async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#pause = new Countdown(resolve);
      this.#pause.set(ms);
    });
    this.#pause = undefined;
  }

  /**
   * The time of what the run still does when its handler has ended.
   *
   * @param onEnd called when it is over
   */
  beginWork(ms: number, onEnd?: () => void): Countdown {
    this.#work = new Countdown(onEnd);
    this.#work.set(this.#within(ms));
    return this.#work;
  }

  /** It may be that of an earlier try, which was abandoned meanwhile: then something else is under way. */
  endWork(work: Countdown): void {
    work.clear();
    if (this.#work === work) this.#work = undefined;
  }

  /** Whatever the run still has to do must be done, cleanup included, within `ms` from now. */
  limitRemainingTime(ms: number): void {
    const { decided, requests, mustEnd, committed, options } = this.#run;
    this.#cutoff = Math.min(this.#cutoff, clock().now() + ms);
    this.#work?.shorten(ms);
    if (decided) return;
    if (requests.any || (mustEnd && !committed)) this.shortenGrace(ms);
    // Nothing cancels it, so nothing else ends it.
    else if (committed) this.shortenGrace(options.grace);
  }

  /** No limit counts any more: the outcome stands. */
  clear(): void {
    this.#total?.clear();
    this.#pending?.clear();
    this.#idle?.clear();
    this.#unwatched?.clear();
    this.#grace?.clear();
  }

  get #count(): boolean {
    return !this.#run.decided && !this.#run.committed;
  }

  /** What is left of `ms`. */
  #within(ms: number): number {
    return this.#cutoff === Infinity ? ms : Math.max(0, Math.min(ms, this.#cutoff - clock().now()));
  }

  /**
   * @param timeout what it is called
   */
  #setTotal(ms: number | null, timeout = Math.max(ms ?? Infinity, 0)): void {
    const left = Math.max(ms ?? Infinity, 0);
    const total = (this.#total ??= new TotalTimeout(() => this.#onTimeout('total', total.timeout)));
    total.timeout = timeout;
    total.deadline = left === Infinity ? null : clock().epoch() + left;
    total.set(left);
  }

  #onTimeout(of: TimeoutOf, timeout: number): void {
    this.#run.cancel('timeout', { of, timeout });
  }
}
