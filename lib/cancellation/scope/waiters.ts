import type { CancelledError } from '../errors.js';
import { Timer } from '../time/timer.js';
import type { ScopeHost } from './scope-host.js';

/**
 * Starts what is waited for.
 *
 * @returns what must be cleared when the wait ends before
 */
export type BeginWait<T> = (
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
) => Timer | Disposable | undefined;

const ignore = (): void => {};

/** Something that waits at a checkpoint. A class: a task that waits keeps less of it than of closures. */
class Waiter<T = unknown> {
  readonly promise: Promise<T>;
  readonly #host: ScopeHost;
  /** Of the handler, in which it began to wait. */
  readonly #step: number;
  #held: Timer | Disposable | undefined;
  #reject!: (error: unknown) => void;

  constructor(among: Set<Waiter>, host: ScopeHost, begin: BeginWait<T>) {
    this.#host = host;
    this.#step = host.step;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      this.#held = begin(
        (value) => {
          among.delete(this);
          resolve(value);
        },
        (error) => {
          among.delete(this);
          reject(error);
        },
      );
      among.add(this);
    });
  }

  abort(cancellation: CancelledError): void {
    this.drop();
    this.#host.onCheckpoint(this.#step, cancellation);
    // A cancellation is no failure: the promise does not have to be awaited.
    this.promise.catch(ignore);
    this.#reject(cancellation);
  }

  drop(): void {
    if (this.#held instanceof Timer) this.#held.clear();
    else this.#held?.[Symbol.dispose]();
  }

  /** Its timer no longer holds the process. */
  unref(): void {
    if (this.#held instanceof Timer) this.#held.unref();
  }
}

/** All that wait at the checkpoints of one scope. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  constructor(private readonly host: ScopeHost) {}

  /** @param holds whether its timer holds the process */
  wait<T>(begin: BeginWait<T>, holds: boolean): Promise<T> {
    const waiter = new Waiter<T>(this.#waiters, this.host, begin);
    if (!holds) waiter.unref();
    return waiter.promise;
  }

  /** Rejects all of them. */
  abort(error: CancelledError): void {
    for (const waiter of this.#waiters) waiter.abort(error);
  }

  /** None of them waits any longer: their promises stay as they are. */
  drop(): void {
    for (const waiter of this.#waiters) waiter.drop();
    this.#waiters.clear();
  }

  /** Their timers no longer hold the process. */
  unref(): void {
    for (const waiter of this.#waiters) waiter.unref();
  }
}
