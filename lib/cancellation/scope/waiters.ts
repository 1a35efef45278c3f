import type { CancelledError } from '../errors.js';
import { Timer } from '../time/timer.js';

/**
 * Starts what is waited for.
 *
 * @returns what must be cleared when the wait ends before
 */
export type BeginWait<T> = (
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
) => Timer | Disposable | undefined;

/** Something that waits at a checkpoint. */
interface Waiter {
  abort(error: CancelledError): void;
  drop(): void;
  readonly timer: Timer | undefined;
}

const ignore = (): void => {};

/** All that wait at the checkpoints of one scope. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  /**
   * @param holds whether its timer holds the process
   * @param onAbort called when the wait is ended by a cancellation
   */
  wait<T>(begin: BeginWait<T>, holds: boolean, onAbort: (error: CancelledError) => void): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      let waiter: Waiter | undefined;
      const leave = () => void (waiter && this.#waiters.delete(waiter));
      const held = begin(
        (value) => {
          leave();
          resolve(value);
        },
        (error) => {
          leave();
          reject(error);
        },
      );
      const timer = held instanceof Timer ? held : undefined;
      if (!holds) timer?.unref();
      const drop = (): void => {
        if (timer) timer.clear();
        else (held as Disposable | undefined)?.[Symbol.dispose]();
      };
      const abort = (cancellation: CancelledError): void => {
        drop();
        onAbort(cancellation);
        // A cancellation is no failure: the promise does not have to be awaited.
        promise.catch(ignore);
        reject(cancellation);
      };
      waiter = { abort, drop, timer };
      this.#waiters.add(waiter);
    });
    return promise;
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
    for (const { timer } of this.#waiters) timer?.unref();
  }
}
