import { setMaxListeners } from 'node:events';
import { clearImmediate, setImmediate } from 'node:timers';
import { AsyncContext, inRootContext } from '../async-context.js';
import type { CancelReason } from '../cancel-reason.js';
import { CancelledError } from '../errors/cancelled.error.js';
import { bindSignal, type CancellationRule, isCancellationOf, unbindSignal } from '../is-cancellation.js';
import { isThenable, rejectedQuietly } from '../promises.js';
import { isInstance } from '../errors/read-error.js';
import { noHost, type ScopeHost } from './scope-host.js';
import { Timer } from '../time/timer.js';
import { type BeginWait, Waiters } from './waiters.js';

/** A scope that a cancellation has come to, and what it throws from now on. */
interface Reached<Told = CancelledError> {
  readonly level: CancelLevel;
  readonly error: Told;
}

type CancelCallback = (reason: CancelReason) => unknown;

const ignore = (): void => {};

const nothingToDispose: Disposable = { [Symbol.dispose]() {} };

let lastId = 0;

/**
 * The state of a scope: whether it is cancelled, who waits in it, and its place in the tree along which a cancellation
 * walks down. This class has the checkpoints. {@link CancelScope} adds the scopes that can be opened in it.
 *
 * Cancellation is a level, not a pulse: once a scope is cancelled, each of its checkpoints (`throwIfCancelled`,
 * `sleep`, `yield`, `waitFor`) throws, in cleanup too, always with the object in `signal.reason`.
 */
export abstract class CancelLevel {
  #parent: CancelLevel | undefined;
  /** The task around it, or nothing. */
  readonly #host: ScopeHost;
  readonly #shielded: boolean;
  /**
   * How many scopes stand above this one.
   *
   * @internal
   */
  protected readonly depth: number;
  #children: Set<CancelLevel> | undefined;
  #error: CancelledError | undefined;
  /** What the scopes below throw when this one is cancelled: one error for all of them. */
  #errorBelow: CancelledError | undefined;
  // Made on first use: an AbortController costs more than all the rest of a short task.
  #controller: AbortController | undefined;
  /** The async context in which the signal was first asked for: its listeners run there, whichever code cancels. */
  #signalContext: AsyncContext | undefined;
  #scopeId = 0;
  #waiters: Waiters | undefined;
  #callbacks: Set<CancelCallback> | undefined;
  #over = false;
  /** Whether its timers may hold the process: until the task around it is over. */
  #holds = true;

  /**
   * @param parent the scope it is opened in; born cancelled when that is
   * @param shielded whether the cancellation of the parent stops here
   * @param host that of the parent, if there is one
   */
  constructor(parent?: CancelLevel, shielded = false, host: ScopeHost = noHost) {
    this.#parent = parent;
    this.#host = parent ? parent.#host : host;
    this.#shielded = shielded;
    this.depth = parent ? parent.depth + 1 : 0;
    if (!parent) return;
    parent.#adopt(this);
    this.#holds = parent.#holds;
    if (!shielded && parent.#error) this.#error = parent.#inheritance(parent.#error);
  }

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

  /** Throws `signal.reason` when this scope is cancelled, and does nothing otherwise. */
  throwIfCancelled(): void {
    if (!this.#error) return;
    this.#host.onCheckpoint(this.#host.step, this.#error);
    throw this.#error;
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
    return this.suspend<void>((resolve) => {
      const immediate = setImmediate(resolve);
      if (!this.#holds) immediate.unref();
      return { [Symbol.dispose]: () => clearImmediate(immediate) };
    });
  }

  /**
   * Waits for a promise that knows nothing of this scope. On cancel only the waiting stops; the promise goes on.
   *
   * @param promise what to wait for
   */
  waitFor<T>(promise: PromiseLike<T>): Promise<T> {
    const awaited = Promise.resolve(promise);
    // It may be there for long, and keeps the async context of what waits for it.
    const react = (onValue: (value: T) => void, onError: (error: unknown) => void): void =>
      inRootContext(() => {
        awaited.then(onValue, onError);
      });
    // It goes on, and may fail, when nobody waits for it any more.
    react(ignore, ignore);
    return this.suspend<T>((resolve, reject) => {
      let waiting: { readonly resolve: typeof resolve; readonly reject: typeof reject } | undefined;
      waiting = { resolve, reject };
      react(
        (value) => waiting?.resolve(value),
        (error) => waiting?.reject(error),
      );
      return {
        [Symbol.dispose]: () => {
          waiting = undefined;
        },
      };
    });
  }

  /**
   * Calls back once, synchronously, when this scope is cancelled; at once when it already is. The callback runs in the
   * async context of this call.
   *
   * @param callback gets the reason. What it throws, or rejects with, is logged
   * @returns dispose of it to no longer be called
   */
  onCancel(callback: (reason: CancelReason) => void): Disposable {
    if (typeof callback !== 'function') {
      throw new TypeError(`onCancel(): expected a function, got ${typeof callback}`);
    }
    if (this.#error) {
      this.#call(callback, this.#error.reason);
      return nothingToDispose;
    }
    const callbacks = (this.#callbacks ??= new Set());
    const context = new AsyncContext();
    const registered: CancelCallback = (reason) => context.run(callback, reason);
    callbacks.add(registered);
    return { [Symbol.dispose]: () => void callbacks.delete(registered) };
  }

  /**
   * The scope whose cancellation reaches this one.
   *
   * @internal
   */
  get above(): CancelLevel | undefined {
    return this.#shielded ? undefined : this.#parent;
  }

  /**
   * When its own time ends, on the monotonic clock.
   *
   * @internal
   */
  get dueAt(): number {
    return Infinity;
  }

  /**
   * Its own time has ended.
   *
   * @internal
   */
  expire(): void {}

  /** @internal */
  get cancellation(): CancelledError | undefined {
    return this.#error;
  }

  /**
   * Whether an error is how this scope's cancellation shows itself.
   *
   * @internal
   */
  explains(error: unknown): boolean {
    return this.#error !== undefined && isCancellationOf(error, { reason: this.#error, scope: this });
  }

  /**
   * Whether an error is a cancellation that has come to this scope, be it withdrawn since.
   *
   * @internal
   */
  hasThrown(error: unknown): boolean {
    if (!isInstance(error, CancelledError)) return false;
    if (error === this.#error) return true;
    const origin = CancelledError.scopeOf(error);
    if (origin === undefined) return false;
    if (this.#scopeId === origin) return true;
    for (let level = this.above; level; level = level.above) if (level.#scopeId === origin) return true;
    return false;
  }

  /**
   * Names the scope in its errors.
   *
   * @internal
   */
  get scopeId(): number {
    return (this.#scopeId ||= ++lastId);
  }

  /**
   * What else counts as a cancellation in the task around it.
   *
   * @internal
   */
  get cancellationRule(): CancellationRule | undefined {
    return this.#host.cancellationRule;
  }

  /**
   * The task around it.
   *
   * @internal
   */
  get host(): ScopeHost {
    return this.#host;
  }

  /**
   * The place where a checkpoint waits.
   *
   * @param begin starts what is waited for, and returns what must be cleared when the scope is cancelled first
   * @internal
   */
  suspend<T>(begin: BeginWait<T>): Promise<T> {
    if (this.#error) {
      this.#host.onCheckpoint(this.#host.step, this.#error);
      return rejectedQuietly(this.#error);
    }
    // Nothing that is left of a task that is over does any more.
    if (this.#host.isOver) return new Promise(() => {});
    if (this.#over) return this.refuseToWait();
    const { step } = this.#host;
    this.#waiters ??= new Waiters();
    return this.#waiters.wait(begin, this.#holds, (error) => this.#host.onCheckpoint(step, error));
  }

  /**
   * What a wait in a scope that has ended gets.
   *
   * @internal
   */
  protected abstract refuseToWait(): Promise<never>;

  /**
   * Cancels this scope and those below it, all in this call: first the level rises everywhere, then signals abort,
   * callbacks run and waits are rejected. A tree may be deeper than the stack, so there is no recursion.
   *
   * @internal
   */
  protected abort(error: CancelledError): void {
    if (this.#error) return;
    this.#error = error;
    const reached: Reached[] = [{ level: this, error }];
    for (const { level, error: above } of reached) {
      if (!level.#children) continue;
      const inherited = level.#inheritance(above);
      for (const child of level.#children) {
        if (child.#shielded || child.#error) continue;
        child.#error = inherited;
        reached.push({ level: child, error: inherited });
      }
    }
    this.#notifyAll(reached);
  }

  /**
   * Takes the cancellation back, here and where it had come down from here: fresh signals from now on.
   *
   * @param instead what stands in its place, if something does: then the fresh signals are aborted with that
   * @internal
   */
  protected reset(instead?: CancelledError): void {
    const reached: Reached<CancelledError | undefined>[] = [{ level: this, error: instead }];
    for (const { level, error } of reached) {
      const inherited = level.#error?.reason.kind === 'parent' ? level.#error : level.#errorBelow;
      level.#error = error;
      level.#errorBelow = undefined;
      // A signal that has not aborted yet can still abort for the next cancellation.
      if (level.#controller?.signal.aborted) level.#controller = undefined;
      if (!inherited || !level.#children) continue;
      const below = error && level.#inheritance(error);
      for (const child of level.#children)
        if (child.#error === inherited) reached.push({ level: child, error: below });
    }
    if (instead) this.#notifyAll(reached);
    else for (const { level } of reached) level.onReset();
  }

  /**
   * The scope is open again: its own time counts.
   *
   * @internal
   */
  protected onReset(): void {}

  /**
   * Ends the scope. What still waits in it waits no longer, and its signal hears of nothing any more. Scopes that were left
   * running in it belong to the scope above from now on. At the end of a task their timers no longer hold the process.
   *
   * @internal
   */
  protected retire(): void {
    this.#over = true;
    this.#callbacks = undefined;
    this.#signalContext = undefined;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    waiters?.drop();
    const parent = this.#parent;
    if (parent) {
      parent.#release(this);
      for (const child of this.#children ?? []) {
        child.#parent = parent;
        parent.#adopt(child);
        // Out of a shield that has ended it comes under what is cancelled there already.
        if (parent.#error && !child.#shielded) child.abort(parent.#inheritance(parent.#error));
      }
    } else {
      if (this.#controller) unbindSignal(this.#controller.signal);
      this.#letGo();
    }
  }

  /**
   * Whether its timers hold the process.
   *
   * @internal
   */
  protected get holds(): boolean {
    return this.#holds;
  }

  /**
   * Its timers no longer hold the process.
   *
   * @internal
   */
  protected unrefTimers(): void {}

  #letGo(): void {
    const levels: CancelLevel[] = [this];
    for (const level of levels) {
      level.#holds = false;
      level.unrefTimers();
      // What a handler has left running is over with it. One that was abandoned still cleans up.
      if (this.#host.isOver) level.#waiters?.drop();
      else level.#waiters?.unref();
      for (const child of level.#children ?? []) levels.push(child);
    }
  }

  /** @internal */
  get over(): boolean {
    return this.#over;
  }

  #adopt(child: CancelLevel): void {
    (this.#children ??= new Set()).add(child);
  }

  #release(child: CancelLevel): void {
    this.#children?.delete(child);
  }

  #inheritance(error: CancelledError): CancelledError {
    if (error.reason.kind === 'parent') return error;
    return (this.#errorBelow ??= new CancelledError(
      { kind: 'parent', root: error.reason },
      { scope: this.scopeId, cause: error },
    ));
  }

  /** A callback may take the cancellation back. Scopes that were not notified by then are skipped. */
  #notifyAll(reached: readonly Reached<CancelledError | undefined>[]): void {
    for (const { level, error } of reached) if (error && level.#error === error) level.#notify(error);
  }

  #notify(error: CancelledError): void {
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    if (this.#controller) this.#abortSignal(this.#controller, error);
    // One of them may give another reason to those behind it.
    if (callbacks) for (const callback of callbacks) this.#call(callback, (this.#error ?? error).reason);
    // It was withdrawn: what waits goes on waiting.
    if (!this.#error) return;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    waiters?.abort(this.#error);
  }

  #call(callback: CancelCallback, reason: CancelReason): void {
    const report = (error: unknown): void => this.#host.onCallbackError(error);
    try {
      // The type says that it returns nothing; an async function returns a promise all the same.
      const returned: unknown = callback(reason);
      if (isThenable(returned)) void returned.then(undefined, report);
    } catch (error) {
      report(error);
    }
  }

  #abortSignal(controller: AbortController, error: CancelledError): void {
    const context = this.#signalContext;
    this.#signalContext = undefined;
    if (context) context.run(() => controller.abort(error));
    else controller.abort(error);
  }

  #createController(): AbortController {
    const controller = new AbortController();
    // One signal is given to everything a task calls; a thousand listeners are no leak.
    setMaxListeners(0, controller.signal);
    bindSignal(controller.signal, this);
    if (this.#error) controller.abort(this.#error);
    else if (!this.#over) this.#signalContext = new AsyncContext();
    return controller;
  }
}
