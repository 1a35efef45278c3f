import { clock } from '../../cancellation/time/clock.js';
import { Countdown } from '../countdown.js';
import type { TaskRun } from '../task-run.js';
import { RunLimits } from './run-limits.js';

/**
 * Which time limits of a run count now. Its watchers are counted here, as a run may be cancelled for want of them. The
 * clocks are made when the first of them is needed: most runs need none.
 */
export class TimeLimits {
  readonly #run: TaskRun;
  #made: RunLimits | undefined;
  /** At its end the handler is abandoned. Most runs that are cancelled need no other clock. */
  #grace: Countdown | undefined;
  /** All of the run has to be done then, on the monotonic clock. */
  #cutoff = Infinity;
  #watchers = 0;
  /** What the run still does when its handler has ended, and what can be given less time: its cleanup, its end. */
  underWay: { shorten(ms: number): void } | undefined;

  constructor(run: TaskRun) {
    this.#run = run;
  }

  get deadline(): number | null {
    return this.#made?.deadline ?? null;
  }

  /** When the total timeout ends, on the monotonic clock. */
  get dueAt(): number {
    return this.#made?.totalDueAt ?? Infinity;
  }

  get watchers(): number {
    return this.#watchers;
  }

  attach(): void {
    this.#watchers++;
    this.#made?.unwatched.clear();
  }

  detach(): void {
    this.#watchers--;
    this.awaitWatcher();
  }

  /** It must wait for a place. */
  awaitPlace(): void {
    const { pendingTimeout } = this.#run.type.options;
    if (pendingTimeout !== null) this.#clocks.armPending(pendingTimeout);
  }

  /** It has a place, and no longer waits for one. */
  admit(): void {
    this.#made?.pending.clear();
  }

  begin(): void {
    const { timeout } = this.#run.options;
    if (timeout !== null) this.#clocks.armTotal(timeout);
    this.awaitWatcher();
  }

  reschedule(ms: number | null): void {
    if (this.#count) this.#clocks.armTotal(ms);
  }

  /** The total timeout has ended, as a scope inside that is due too was the first to see. */
  expire(): void {
    this.#clocks.expireTotal();
  }

  awaitWatcher(): void {
    const { cancelWhenUnwatched } = this.#run.type.options;
    if (cancelWhenUnwatched === null || this.#watchers > 0) return;
    if (this.#run.status !== 'running' || !this.#count) return;
    this.#clocks.unwatched.arm(cancelWhenUnwatched, () => this.#run.cancel('unwatched'));
  }

  /** There is a handler that could send one. */
  awaitEvent(): void {
    const { idleTimeout } = this.#run.type.options;
    if (idleTimeout === null || !this.#count) return;
    this.#run.events.onEvent ??= () => this.#made?.noteEvent();
    this.#clocks.armIdle(idleTimeout);
  }

  /** Cleanup has the grace, and no other time but the whole run's. */
  beginGrace(ms: number): void {
    this.#made?.idle.clear();
    this.#made?.unwatched.clear();
    this.shortenGrace(ms);
  }

  shortenGrace(ms: number): void {
    this.#grace ??= new Countdown(() => this.#run.abandon());
    this.#grace.shorten(this.within(ms));
  }

  /** Nothing is being cancelled any more. */
  stopGrace(): void {
    this.#grace?.stop();
  }

  /** The handler has passed its point of no return: nothing counts from here on. */
  suspend(): void {
    this.#made?.suspend();
    this.#grace?.stop();
  }

  /**
   * No handler runs until the next try.
   *
   * @param isCommitted whether the last one had passed its point of no return. The next one has not
   */
  endTry(isCommitted: boolean): void {
    this.#made?.idle.clear();
    if (!isCommitted) return;
    this.#made?.resume();
    this.awaitWatcher();
  }

  /** Whatever the run still has to do has at most `ms` from now. */
  limitRemainingTime(ms: number): void {
    this.#cutoff = Math.min(this.#cutoff, clock().now() + ms);
    this.underWay?.shorten(ms);
  }

  /** What is left of `ms`. */
  within(ms: number): number {
    return Math.max(0, Math.min(ms, this.#cutoff - clock().now()));
  }

  /** The outcome stands. */
  clear(): void {
    this.#made?.clear();
    this.#grace?.stop();
  }

  letGo(): void {
    this.#made = undefined;
    this.#grace = undefined;
    this.underWay = undefined;
  }

  get #count(): boolean {
    return !this.#run.decided && !this.#run.committed;
  }

  get #clocks(): RunLimits {
    return (this.#made ??= new RunLimits((of, timeout) => this.#run.cancel('timeout', { of, timeout })));
  }
}
