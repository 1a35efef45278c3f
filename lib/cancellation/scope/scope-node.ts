import { setMaxListeners } from 'node:events';
import { AsyncContext } from '../async-context.js';
import type { CancelReason } from '../cancel-reason.js';
import { CancelledError, ScopeEndedError } from '../errors.js';
import { isInstance } from '../read-error.js';
import { bindSignal, type CancellationRule, isCancellationOf, unbindSignal } from '../is-cancellation.js';
import { isThenable, rejectedQuietly } from '../promises.js';
import { assertBody } from './scope-body.js';
import { noHost, type ScopeHost } from './scope-host.js';
import { TimeLimit } from './time-limit.js';
import { type BeginWait, Waiters } from './waiters.js';

/** A scope that a cancellation has come to, and what it throws from now on. */
interface Reached<Told = CancelledError> {
  readonly node: ScopeNode;
  readonly error: Told;
}

type CancelCallback = (reason: CancelReason) => unknown;

const nothingToDispose: Disposable = { [Symbol.dispose]() {} };

/** How many scopes are entered on one stack. */
const MAX_ENTERED_ON_STACK = 100;

let lastId = 0;

/**
 * A node in the tree of scopes: whether it is cancelled, who waits in it, and its place in the tree along which a
 * cancellation walks down. A scope holds it. The scope is what users call.
 */
export class ScopeNode {
  /** The task around it, or nothing. */
  readonly host: ScopeHost;
  /** Its own time, if that was ever limited. */
  limit: TimeLimit | undefined;
  #parent: ScopeNode | undefined;
  readonly #shielded: boolean;
  /** How many nodes stand above this one. */
  readonly #depth: number;
  #children: Set<ScopeNode> | undefined;
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
  constructor(parent?: ScopeNode, shielded = false, host: ScopeHost = noHost) {
    this.host = parent ? parent.host : host;
    this.#parent = parent;
    this.#shielded = shielded;
    this.#depth = parent ? parent.#depth + 1 : 0;
    if (!parent) return;
    parent.#adopt(this);
    this.#holds = parent.#holds;
    if (!shielded && parent.#error) this.#error = parent.#inheritance(parent.#error);
  }

  get signal(): AbortSignal {
    return (this.#controller ??= this.#createController()).signal;
  }

  get cancelled(): boolean {
    return this.#error !== undefined;
  }

  get over(): boolean {
    return this.#over;
  }

  get cancellation(): CancelledError | undefined {
    return this.#error;
  }

  get reason(): CancelReason | undefined {
    return this.#error?.reason;
  }

  /** Whether it was cancelled by itself, and not by what stands above it. */
  get isSelfCancelled(): boolean {
    return this.#error !== undefined && this.#error.reason.kind !== 'parent';
  }

  /** A checkpoint that does not wait. */
  throwIfCancelled(): void {
    if (!this.#error) return;
    this.host.onCheckpoint(this.host.step, this.#error);
    throw this.#error;
  }

  onCancel(callback: (reason: CancelReason) => void): Disposable {
    assertBody('onCancel', callback);
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

  /** The node whose cancellation reaches this one. */
  get above(): ScopeNode | undefined {
    return this.#shielded ? undefined : this.#parent;
  }

  /** Bodies that open one scope in the other are called one in the other: a new stack now and then. */
  get isDeep(): boolean {
    return this.#depth % MAX_ENTERED_ON_STACK === 0;
  }

  /** @see TimeLimit.set */
  limitTime(ms: number | null): void {
    (this.limit ??= new TimeLimit(this)).set(ms);
  }

  /** When its own time ends, on the monotonic clock; at the top of a task the task's. */
  get dueAt(): number {
    return this.limit?.dueAt ?? (this.#parent ? Infinity : this.host.dueAt);
  }

  /** Its own time has ended. */
  expire(): void {
    if (this.limit) this.limit.expire();
    else this.host.expire();
  }

  /** Whether an error is how this scope's cancellation shows itself. */
  explains(error: unknown): boolean {
    if (!this.#error) return false;
    // Nearly always it is the error that the scope has thrown.
    return error === this.#error || isCancellationOf(error, { reason: this.#error, scope: this });
  }

  /** Whether an error is a cancellation that has come to this scope, be it withdrawn since. */
  hasThrown(error: unknown): boolean {
    if (!isInstance(error, CancelledError)) return false;
    if (error === this.#error) return true;
    const origin = CancelledError.scopeOf(error);
    if (origin === undefined) return false;
    if (this.#scopeId === origin) return true;
    for (let node = this.above; node; node = node.above) if (node.#scopeId === origin) return true;
    return false;
  }

  /** Names the scope in its errors. */
  get scopeId(): number {
    return (this.#scopeId ||= ++lastId);
  }

  /** What else counts as a cancellation in the task around it. */
  get cancellationRule(): CancellationRule | undefined {
    return this.host.cancellationRule;
  }

  /**
   * The place where a checkpoint waits.
   *
   * @param begin starts what is waited for, and returns what must be cleared when the scope is cancelled first
   */
  suspend<T>(begin: BeginWait<T>): Promise<T> {
    if (this.#error) {
      this.host.onCheckpoint(this.host.step, this.#error);
      return rejectedQuietly(this.#error);
    }
    // Nothing that is left of a task that is over does any more.
    if (this.host.isOver) return new Promise(() => {});
    if (this.#over) {
      // The top is a try of a task: nothing would come of it.
      if (!this.#parent) return new Promise(() => {});
      return rejectedQuietly(new ScopeEndedError('This scope has ended: nothing can wait in it any more'));
    }
    this.#waiters ??= new Waiters(this.host);
    return this.#waiters.wait(begin, this.#holds);
  }

  /** Cancels the scope. */
  interrupt(reason: CancelReason, cause?: unknown): void {
    this.#abort(this.#cancelledBy(reason, cause));
  }

  /** Another reason stands in the place of the one that was withdrawn, if the scope is still cancelled. */
  replaceReason(reason: CancelReason, cause?: unknown): void {
    if (this.#error) this.reset(this.#cancelledBy(reason, cause));
  }

  /**
   * Cancels this scope and those below it, all in this call: first the level rises everywhere, then signals abort,
   * callbacks run and waits are rejected. A tree may be deeper than the stack, so there is no recursion.
   */
  #abort(error: CancelledError): void {
    if (this.#error) return;
    this.#error = error;
    if (!this.#children) {
      this.#notify(error);
      return;
    }
    const reached: Reached[] = [{ node: this, error }];
    for (const { node, error: above } of reached) {
      if (!node.#children) continue;
      const inherited = node.#inheritance(above);
      for (const child of node.#children) {
        if (child.#shielded || child.#error) continue;
        child.#error = inherited;
        reached.push({ node: child, error: inherited });
      }
    }
    this.#notifyAll(reached);
  }

  /**
   * Takes the cancellation back, here and where it had come down from here: fresh signals from now on.
   *
   * @param instead what stands in its place, if something does: then the fresh signals are aborted with that
   */
  reset(instead?: CancelledError): void {
    const reached: Reached<CancelledError | undefined>[] = [{ node: this, error: instead }];
    for (const { node, error } of reached) {
      const inherited = node.#error?.reason.kind === 'parent' ? node.#error : node.#errorBelow;
      node.#error = error;
      node.#errorBelow = undefined;
      // A signal that has not aborted yet can still abort for the next cancellation.
      if (node.#controller?.signal.aborted) node.#controller = undefined;
      if (!inherited || !node.#children) continue;
      const below = error && node.#inheritance(error);
      for (const child of node.#children)
        if (child.#error === inherited) reached.push({ node: child, error: below });
    }
    if (instead) this.#notifyAll(reached);
    else for (const { node } of reached) node.limit?.arm();
  }

  /**
   * Ends the scope. What still waits in it waits no longer, and its signal hears of nothing any more. Scopes that were left
   * running in it belong to the scope above from now on. At the end of a task their timers no longer hold the process.
   */
  retire(): void {
    this.limit?.clear();
    this.#over = true;
    this.#callbacks = undefined;
    this.#signalContext = undefined;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    waiters?.drop();
    const parent = this.#parent;
    if (parent) {
      parent.#children?.delete(this);
      for (const child of this.#children ?? []) {
        child.#parent = parent;
        parent.#adopt(child);
        // Out of a shield that has ended it comes under what is cancelled there already.
        if (parent.#error && !child.#shielded) child.#abort(parent.#inheritance(parent.#error));
      }
    } else {
      if (this.#controller) unbindSignal(this.#controller.signal);
      this.#holds = false;
      if (this.#children) this.#unrefTimers();
    }
  }

  /** Whether its timers hold the process. */
  get holds(): boolean {
    return this.#holds;
  }

  #unrefTimers(): void {
    const nodes: ScopeNode[] = [this];
    for (const node of nodes) {
      node.#holds = false;
      node.limit?.unrefTimers();
      // What a handler has left running is over with it. One that was abandoned still cleans up.
      if (this.host.isOver) node.#waiters?.drop();
      else node.#waiters?.unref();
      for (const child of node.#children ?? []) nodes.push(child);
    }
  }

  #adopt(child: ScopeNode): void {
    (this.#children ??= new Set()).add(child);
  }

  #cancelledBy(reason: CancelReason, cause: unknown): CancelledError {
    return new CancelledError(reason, { scope: this.scopeId, cause });
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
    for (const { node, error } of reached) if (error && node.#error === error) node.#notify(error);
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
    const report = (error: unknown): void => this.host.onCallbackError(error);
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
