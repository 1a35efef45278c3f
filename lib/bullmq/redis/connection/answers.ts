// Not the globals: a test may have replaced them, and Redis keeps its own time.
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers';
import { inRootContext } from '../../../cancellation/async-context.js';
import { StoreUnavailableError } from '../../errors.js';

interface Waiting {
  readonly until: number;
  readonly giveUp: () => void;
}

/** Answers of Redis that somebody waits for, all for the same time. One timer does for all of them, and keeps no process alive. */
export class Answers {
  readonly #timeout: number;
  /** The oldest first. */
  readonly #waiting = new Set<Waiting>();
  #hasTimer = false;

  /** @param timeout in milliseconds */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** @throws StoreUnavailableError when there is none in time, or the connection is lost */
  inTime<Result>(command: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(unavailable());
      const waiting: Waiting = { until: performance.now() + this.#timeout, giveUp };
      this.#waiting.add(waiting);
      command().then(
        (answer) => {
          this.#waiting.delete(waiting);
          resolve(answer);
        },
        (error: unknown) => {
          this.#waiting.delete(waiting);
          reject(isLost(error) ? unavailable(error) : (error as Error));
        },
      );
      if (!this.#hasTimer) this.#wait(this.#timeout);
    });
  }

  #wait(ms: number): void {
    this.#hasTimer = true;
    inRootContext(() => setTimeout(() => this.#look(), ms)).unref();
  }

  #look(): void {
    this.#hasTimer = false;
    const now = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.until > now) {
        this.#wait(waiting.until - now);
        return;
      }
      this.#waiting.delete(waiting);
      waiting.giveUp();
    }
  }
}

/** How Redis begins what it says then. Before version 7 it says what became of a script first. */
const refusal =
  /^(Connection is closed|(ERR Error running script .* -)?(READONLY|LOADING|CLUSTERDOWN|MASTERDOWN|OOM|MISCONF|TRYAGAIN))/;

/** The connection was lost, or Redis is not what it was: a replica now, or still loading. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ['MaxRetriesPerRequestError', 'AbortError', 'ClusterAllFailedError'].includes(error.name) ||
    refusal.test(error.message)
  );
}

export function unavailable(cause?: unknown): StoreUnavailableError {
  return new StoreUnavailableError(
    'The store does not answer; what was asked of it may have been done. Try again later',
    { cause },
  );
}
