import { setMaxListeners } from 'node:events';
import type { CancelReason } from './cancel-reason.js';
import type { CancelledError } from './cancelled.error.js';
import { bindSignal, isCancellationOf } from './is-cancellation.js';
import { Timer } from './timer.js';

/** Something that waits at a checkpoint and is rejected when the scope is cancelled. */
interface Waiter {
  abort(error: CancelledError): void;
  /** The timer it waits for, when it waits for one. */
  readonly timer?: Timer;
}

type CancelCallback = (reason: CancelReason) => void;

const nothingToDispose: Disposable = { [Symbol.dispose]() {} };

/**
 * A stretch of work that can be cancelled as one.
 *
 * Cancellation is a level, not a pulse: once a scope is cancelled, each of its checkpoints (`throwIfCancelled`,
 * `sleep`, `yield`, `waitFor`) throws, in cleanup too, always with the object in `signal.reason`.
 *
 * @publicApi
 */
export abstract class CancelScope {
  #error: CancelledError | undefined;
  // Made on first use: an AbortController costs more than all the rest of a short task.
  #controller: AbortController | undefined;
  #waiters: Set<Waiter> | undefined;
  #callbacks: Set<CancelCallback> | undefined;
  #over = false;

  /** Aborts when this scope is cancelled; its `reason` is a {@link CancelledError}. Give it to whatever you call. */
  get signal(): AbortSignal {
    return (this.#controller ??= this.#createController()).signal;
  }

  /** Whether this scope is cancelled. */
  get cancelled(): boolean {
    return this.#error !== undefined;
  }

  /** Why this scope was cancelled. */
  get reason(): CancelReason | undefined {
    return this.#error?.reason;
  }

  /** When this scope's own time ends, in epoch milliseconds; `null` when it has no limit. */
  abstract get deadline(): number | null;

  /** Whether this scope was cancelled because its own time ended. */
  abstract get expired(): boolean;

  /**
   * Cancels this scope.
   *
   * @param detail free text, at most 500 characters, for whoever watches
   * @returns whether the request was accepted
   */
  abstract cancel(detail?: string): boolean;

  /** Throws `signal.reason` when this scope is cancelled, and does nothing otherwise. */
  throwIfCancelled(): void {
    if (this.#error) throw this.#error;
  }

  /**
   * Waits, or rejects with `signal.reason` as soon as this scope is cancelled.
   *
   * @param ms milliseconds, any length; below zero is zero
   * @throws RangeError when `ms` is not a number
   */
  sleep(ms: number): Promise<void> {
    if (typeof ms !== 'number' || Number.isNaN(ms)) {
      return Promise.reject(new RangeError(`sleep(): expected a number of milliseconds, got ${String(ms)}`));
    }
    return this.suspend<void>((resolve) => new Timer(Math.max(ms, 0), resolve));
  }

  /** Gives the event loop a turn, so that a long loop can be cancelled; then checks for cancellation. */
  yield(): Promise<void> {
    if (this.#error) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        if (this.#error) reject(this.#error);
        else resolve();
      });
    });
  }

  /**
   * Waits for a promise that knows nothing of this scope. On cancel only the waiting stops; the promise goes on.
   *
   * @param promise what to wait for
   */
  waitFor<T>(promise: PromiseLike<T>): Promise<T> {
    return this.suspend<T>((resolve, reject) => {
      Promise.resolve(promise).then(resolve, reject);
      return undefined;
    });
  }

  /**
   * Calls back once, synchronously, when this scope is cancelled; at once when it already is.
   *
   * @param callback gets the reason
   * @returns dispose of it to no longer be called
   */
  onCancel(callback: (reason: CancelReason) => void): Disposable {
    if (this.#error) {
      this.#call(callback, this.#error.reason);
      return nothingToDispose;
    }
    const callbacks = (this.#callbacks ??= new Set());
    const registered: CancelCallback = (reason) => callback(reason);
    callbacks.add(registered);
    return { [Symbol.dispose]: () => void callbacks.delete(registered) };
  }

  /**
   * The place where a checkpoint waits.
   *
   * @param begin starts what is waited for, and returns what must be cleared when the scope is cancelled first
   * @internal
   */
  protected suspend<T>(
    begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => Timer | Disposable | undefined,
  ): Promise<T> {
    if (this.#error) return Promise.reject(this.#error);
    return new Promise<T>((resolve, reject) => {
      const waiters = (this.#waiters ??= new Set());
      let waiter: Waiter | undefined;
      const leave = () => void (waiter && waiters.delete(waiter));
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
      if (this.#over) timer?.unref();
      waiter = {
        abort(error) {
          if (timer) timer.clear();
          else (held as Disposable | undefined)?.[Symbol.dispose]();
          reject(error);
        },
        ...(timer && { timer }),
      };
      waiters.add(waiter);
    });
  }

  /**
   * Cancels: the level rises, the signal aborts, callbacks run, whoever waits is rejected, all in this call.
   *
   * @internal
   */
  protected abort(error: CancelledError): void {
    if (this.#error) return;
    this.#error = error;
    const callbacks = this.#callbacks;
    const waiters = this.#waiters;
    this.#callbacks = undefined;
    this.#waiters = undefined;
    this.#controller?.abort(error);
    if (callbacks) for (const callback of callbacks) this.#call(callback, error.reason);
    if (waiters) for (const waiter of waiters) waiter.abort(error);
  }

  /**
   * Takes the cancellation back: from here on the scope has a fresh signal.
   *
   * @internal
   */
  protected renew(): void {
    this.#error = undefined;
    this.#controller = undefined;
  }

  /**
   * Ends the scope. Timers that code left behind still waits for no longer hold the process.
   *
   * @internal
   */
  protected retire(): void {
    this.#over = true;
    this.#callbacks = undefined;
    if (this.#waiters) for (const { timer } of this.#waiters) timer?.unref();
  }

  /** @internal */
  protected get cancellation(): CancelledError | undefined {
    return this.#error;
  }

  /**
   * Whether an error is how this scope's cancellation shows itself.
   *
   * @internal
   */
  protected explains(error: unknown): boolean {
    return this.#error !== undefined && isCancellationOf(error, this.#error, this);
  }

  /**
   * Takes what a callback threw; a scope has nobody above it to throw at.
   *
   * @internal
   */
  protected reportCallbackError(error: unknown): void {
    process.nextTick(() => {
      throw error;
    });
  }

  #call(callback: CancelCallback, reason: CancelReason): void {
    try {
      callback(reason);
    } catch (error) {
      this.reportCallbackError(error);
    }
  }

  #createController(): AbortController {
    const controller = new AbortController();
    // One signal is given to everything a task calls; a thousand listeners are no leak.
    setMaxListeners(0, controller.signal);
    bindSignal(controller.signal, this);
    if (this.#error) controller.abort(this.#error);
    return controller;
  }
}
