import { clock } from '../../cancellation/time/clock.js';
import type { StoredTask, TimeLimit } from '../redis/stored-task.js';
import { storedOptions } from '../stored-options.js';

/** The total timeout of a task: as its handler has moved it, else as it was started with. `null` for none. */
export function limitOf({ facts, options }: StoredTask): TimeLimit | null {
  if (facts.limit !== undefined) return facts.limit;
  const { timeout } = storedOptions(options);
  return timeout === null ? null : { timeout, end: timeout };
}

/** The total timeout of a task that is tried here. It goes on from try to try. */
export class TotalLimit {
  #limit: TimeLimit | null;
  /** What earlier tries have taken, and what lies between them, in milliseconds. */
  readonly #elapsed: number;
  readonly #claimedAt = clock().now();

  /** @param claim its task, and the time of the claim, in epoch milliseconds of Redis */
  constructor({ task, at }: { readonly task: StoredTask; readonly at: number }) {
    this.#limit = limitOf(task);
    this.#elapsed = task.startedAt === null ? 0 : Math.max(0, at - task.startedAt);
  }

  /** As it was given, in milliseconds. */
  get timeout(): number | null {
    return this.#limit && this.#limit.timeout;
  }

  /** How much of `timeout` is over when the try begins, in milliseconds. */
  get elapsed(): number {
    return this.#limit ? this.#elapsed + this.#limit.timeout - this.#limit.end : this.#elapsed;
  }

  /** In milliseconds. */
  get left(): number {
    return this.#limit ? Math.max(0, this.#limit.end - this.#taken) : Infinity;
  }

  get #taken(): number {
    return this.#elapsed + clock().now() - this.#claimedAt;
  }

  /** @param ms from now; `null` for no limit */
  move(ms: number | null): TimeLimit | null {
    const timeout = Math.max(0, ms ?? Infinity);
    this.#limit = timeout === Infinity ? null : { timeout, end: Math.round(this.#taken + timeout) };
    return this.#limit;
  }
}
