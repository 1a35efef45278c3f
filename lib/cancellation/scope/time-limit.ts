import { clock } from '../time/clock.js';
import { Timer } from '../time/timer.js';
import type { ScopeNode } from './scope-node.js';

/** The time that a scope has for itself. When it is over, the scope is cancelled. */
export class TimeLimit {
  timeout = Infinity;
  /** When it ends, in epoch milliseconds. */
  deadline: number | null = null;
  /** When it ends, on the monotonic clock. */
  dueAt = Infinity;
  expired = false;
  readonly #node: ScopeNode;
  #timer: Timer | undefined;

  constructor(node: ScopeNode) {
    this.#node = node;
  }

  /**
   * @param ms from now; `null` for no limit
   */
  set(ms: number | null): void {
    this.timeout = ms ?? Infinity;
    this.dueAt = clock().now() + this.timeout;
    this.deadline = this.timeout === Infinity ? null : clock().epoch() + this.timeout;
    this.arm();
  }

  /** It counts, if the scope is open. */
  arm(): void {
    this.clear();
    if (this.#node.cancelled || this.#node.over || this.dueAt === Infinity) return;
    const left = this.dueAt - clock().now();
    if (left <= 0) {
      this.#onTimer();
      return;
    }
    this.#timer = new Timer(left, this.#onTimer);
    if (!this.#node.holds) this.#timer.unref();
  }

  clear(): void {
    this.#timer?.clear();
  }

  unrefTimers(): void {
    this.#timer?.unref();
  }

  expire(): void {
    if (this.#node.cancelled || this.#node.over) return;
    this.expired = true;
    this.#warnWhenLate();
    this.#node.interrupt({ kind: 'timeout', of: 'scope', timeout: this.timeout });
  }

  /** A body that ignores its signal is waited for, however long that is, so a warning says so. */
  #warnWhenLate(): void {
    const { host } = this.#node;
    if (host.grace === Infinity || host.isOver) return;
    const { timeout } = this;
    this.clear();
    this.#timer = new Timer(host.grace, () => {
      host.warn(
        `The body of timeout(${timeout}) still runs ${host.grace} ms after its time was over: it ignores its signal`,
      );
    }).unref();
  }

  /** Of nested scopes that are due together the outermost expires: the inner ones only pass that on. */
  readonly #onTimer = (): void => {
    let outermost: ScopeNode | undefined;
    for (let node = this.#node.above; node; node = node.above)
      if (node.dueAt <= this.dueAt && !node.over) outermost = node;
    outermost?.expire();
    if (!this.#node.cancelled) this.expire();
  };
}
