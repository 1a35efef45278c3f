import { clock } from '../../cancellation/time/clock.js';
import type { DecidedEnd } from '../../log/run-journal.js';
import type { TaskHistory } from '../../run/task-history.js';
import type { TaskRun } from '../../run/task-run.js';
import { toJson } from '../../task/json/json.js';
import { plainReason } from '../redis/stored-request.js';
import type { StoredFacts, StoredTask, TimeLimit } from '../redis/stored-task.js';

/** So many requests to cancel are told on other instances: all that watch the end read them. */
const MAX_REQUESTS = 100;

/** What other instances and later tries are told of how a task went: what earlier tries have left, and what this one adds. */
export class ToldOutcome {
  readonly #earlier: StoredFacts;
  readonly #claimedAt = clock().now();
  /** The time of the claim, in epoch milliseconds of Redis. */
  readonly #at: number;
  #calledAt: number | undefined;
  /** As long as the run goes on. */
  #json: string | undefined;
  #limit: StoredFacts['limit'];
  /** Whether somebody was warned that the `backoff` gives no delay. */
  isWarned: boolean;

  constructor({ task, at }: { readonly task: StoredTask; readonly at: number }) {
    this.#earlier = task.facts;
    this.#at = at;
    this.#calledAt = task.facts.calledAt;
    this.isWarned = task.facts.isWarned ?? false;
  }

  get history(): Pick<TaskHistory, 'calledFor' | 'withdrawn'> {
    const { calledAt, requests } = this.#earlier;
    const calledFor = calledAt === undefined ? undefined : Math.max(0, this.#at - calledAt);
    return { calledFor, withdrawn: requests };
  }

  /** Its handler has moved the total timeout. */
  moveLimit(limit: TimeLimit | null): void {
    this.#limit = limit;
    this.#json = undefined;
  }

  /**
   * As JSON.
   *
   * @param ending how the run ends, if it does
   * @param isFollowed whether the task goes on elsewhere then
   */
  of(run: TaskRun, ending: DecidedEnd | undefined, isFollowed: boolean): string {
    if (this.#calledAt === undefined && run.calledAt !== undefined) {
      this.#calledAt = Math.round(this.#at + Math.max(0, run.calledAt - this.#claimedAt));
      this.#json = undefined;
    }
    const facts: StoredFacts = {
      ...this.#earlier,
      ...(this.#calledAt !== undefined && { calledAt: this.#calledAt }),
      ...(this.#limit !== undefined && { limit: this.#limit }),
    };
    if (!ending) return (this.#json ??= toJson(facts));
    const { requests = [], swallowed, abandoned } = ending.facts ?? {};
    // What it was handed over for is no request to cancel the task.
    const isKept = requests.length > 0 && !run.isHandedOver;
    return toJson({
      ...facts,
      ...(isKept && { requests: requests.slice(0, MAX_REQUESTS).map(plainReason) }),
      ...(this.isWarned && { isWarned: true }),
      ...(!isFollowed && isKept && { isWhole: true }),
      ...(!isFollowed && swallowed && { swallowed }),
      ...(!isFollowed && abandoned && { abandoned }),
    });
  }
}
