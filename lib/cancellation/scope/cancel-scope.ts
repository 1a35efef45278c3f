// For `Disposable`, where a page compiles the declarations.
/// <reference lib="esnext.disposable" preserve="true" />
import { clearImmediate, setImmediate } from 'node:timers';
import { inRootContext } from '../async-context.js';
import { type CancelReason, cutDetail } from '../cancel-reason.js';
import { isInstance, textOf } from '../read-error.js';
import { ScopeEndedError } from '../errors.js';
import { quietIf } from '../promises.js';
import { Timer } from '../time/timer.js';
import { GroupChildren } from './group-children.js';
import { retryIn, type RetryOptions } from './retry.js';
import { runAbsorbing, runBody } from './run-body.js';
import { assertBody, assertLimit, type ResultsOf, type ScopeBody, type TaskGroup } from './scope-body.js';
import { ScopeNode } from './scope-node.js';

const ignore = (): void => {};

/**
 * A stretch of work that can be cancelled as one, and holds others that are cancelled with it.
 *
 * Cancellation is a level, not a pulse: once a scope is cancelled, each of its checkpoints (`throwIfCancelled`,
 * `sleep`, `yield`, `waitFor`, entering a scope) throws, in cleanup too, always with the object in `signal.reason`.
 *
 * @publicApi
 */
export abstract class CancelScope {
  readonly #node: ScopeNode;

  /** @internal */
  constructor(node: ScopeNode = new ScopeNode()) {
    this.#node = node;
  }

  /**
   * Its place in the tree of scopes.
   *
   * @internal
   */
  get node(): ScopeNode {
    return this.#node;
  }

  /** Aborts when this scope is cancelled; its `reason` is a {@link CancelledError}. Give it to whatever you call. */
  get signal(): AbortSignal {
    return this.#node.signal;
  }

  /** Whether this scope is cancelled. */
  get cancelled(): boolean {
    return this.#node.cancelled;
  }

  /** Why this scope was cancelled. */
  get reason(): CancelReason | undefined {
    return this.#node.reason;
  }

  /** When this scope's own time ends, in epoch milliseconds; `null` when it has no limit. */
  abstract get deadline(): number | null;

  /** Whether this scope was cancelled because its own time ended. */
  abstract get expired(): boolean;

  /**
   * Cancels this scope.
   *
   * @param detail a text that watchers see, at most 500 characters
   * @returns whether the request was accepted
   */
  abstract cancel(detail?: string): boolean;

  /**
   * Moves the end of this scope's own time.
   *
   * @param ms milliseconds from now; `null` for no limit
   * @throws RangeError when `ms` is not a number; ScopeEndedError (a task: TaskEndedError) after the end, and when this
   *   scope is cancelled already
   */
  abstract reschedule(ms: number | null): void;

  /** Throws `signal.reason` when this scope is cancelled, and does nothing otherwise. */
  throwIfCancelled(): void {
    this.#node.throwIfCancelled();
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
    return this.#node.suspend<void>((resolve) => new Timer(Math.max(ms, 0), resolve));
  }

  /** Gives the event loop a turn, so that a long loop can be cancelled; then checks for cancellation. */
  yield(): Promise<void> {
    return this.#node.suspend<void>((resolve) => {
      const immediate = setImmediate(resolve);
      if (!this.#node.holds) immediate.unref();
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
    // The promise may still reject after the wait for it has ended.
    react(ignore, ignore);
    return this.#node.suspend<T>((resolve, reject) => {
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
    return this.#node.onCancel(callback);
  }

  /** A scope with nothing above it. */
  static root(): CancelScope {
    return new InnerScope();
  }

  /**
   * Runs a body under a time limit. When the time is over its scope is cancelled; the call returns when the body has
   * ended, its cleanup included.
   *
   * @param ms milliseconds; `null` or `Infinity` for no limit; with zero or less the body is entered with an aborted
   *   signal
   * @param body gets the scope
   * @returns what the body returns
   * @throws ScopeTimeoutError when the body let the expiry through; RangeError when `ms` is not a number. A cancelled
   *   parent wins over the expiry, and any other error passes as it is
   * @example
   * const page = await task.timeout(5_000, async (scope) => {
   *   const response = await fetch(url, { signal: scope.signal });
   *   return response.text(); // inside: its signal hears of nothing once the scope has ended
   * });
   */
  timeout<T>(ms: number | null, body: (scope: CancelScope) => Promise<T>): Promise<T> {
    return this.#open(
      () => {
        assertBody('timeout', body);
        assertLimit('timeout', ms);
        return new InnerScope(this);
      },
      (scope) => runBody(scope, body, ms),
    );
  }

  /**
   * Runs a body in a scope that can be cancelled without what is around it.
   *
   * @returns what the body returns, or `undefined` when the scope was cancelled by itself (or by its own deadline, see
   *   `reschedule`) and the body let that through
   */
  scope<T>(body: (scope: CancelScope) => Promise<T>): Promise<T | undefined> {
    return this.#open(
      () => {
        assertBody('scope', body);
        return new InnerScope(this);
      },
      (scope) => runAbsorbing(scope, body),
    );
  }

  /**
   * Runs children side by side. It waits for all of them, and the first failure, of a child or of the body, cancels
   * the rest.
   *
   * @param body spawns children; they may spawn more while the group is open
   * @returns what the body returns, or `undefined` when the group was cancelled by itself
   * @throws AggregateError of everything that failed, in the order it happened, the body's own error last. Errors win
   *   over a cancellation, which is then the `cause`
   * @example
   * await task.group(async (group) => {
   *   for (const url of urls) void group.spawn((scope) => crawl(url, scope.signal));
   * });
   */
  group<T>(body: (group: TaskGroup) => Promise<T>): Promise<T | undefined> {
    return this.#open(
      () => {
        assertBody('group', body);
        return new GroupScope(this);
      },
      (group) => group.children.run(body),
    );
  }

  /**
   * Runs bodies side by side, as `Promise.all`, but waits for all of them: the first error cancels the rest, and is
   * what is thrown.
   */
  all<const Bodies extends readonly ScopeBody<unknown>[]>(bodies: Bodies): Promise<ResultsOf<Bodies>> {
    return this.#open(
      () => {
        for (const body of bodies) assertBody('all', body);
        return new GroupScope(this);
      },
      (group) => group.children.runAll(bodies),
    );
  }

  /**
   * Runs a body on a fresh signal, to its end whatever is cancelled around it: for cleanup that must wait. The pending
   * cancellation shows at the next checkpoint.
   *
   * @param options `timeout`: most time for the body, in milliseconds
   * @returns what the body returns
   * @throws ScopeTimeoutError when its own time was over; any error of the body passes as it is
   */
  shield<T>(
    body: (scope: CancelScope) => Promise<T>,
    options: { timeout?: number | undefined } = {},
  ): Promise<T> {
    return this.#open(
      () => {
        assertBody('shield', body);
        assertLimit('shield', options.timeout ?? null);
        return new InnerScope(this, true);
      },
      (scope) => runBody(scope, body, options.timeout),
    );
  }

  /**
   * Tries a body again when it fails. It is never tried again after a cancellation of this scope, and when the error is
   * an `UnrecoverableError` or has `retryable: false`.
   *
   * @param options see {@link RetryOptions}
   * @param body gets this scope, or with `timeout` a scope for this try, and the number of the try, from 1
   * @returns what the body returns
   * @throws the last error. The errors of earlier tries are its `errors`, the newest 100 of them; TypeError or RangeError
   *   for wrong options
   * @example
   * const page = await task.retry({ attempts: 3, backoff: 500, timeout: 5_000 }, (scope) =>
   *   fetchPage(url, scope.signal),
   * );
   */
  retry<T>(options: RetryOptions, body: (scope: CancelScope, attempt: number) => Promise<T>): Promise<T> {
    return quietIf(
      retryIn(this, options, body),
      (error) =>
        this.#node.hasThrown(error) ||
        this.#node.explains(error) ||
        (this.#node.over && isInstance(error, ScopeEndedError)),
    );
  }

  /** Runs a body in a scope below this one. A rejection that is a cancellation only does not have to be awaited. */
  #open<Scope extends CancelScope, T>(create: () => Scope, run: (scope: Scope) => Promise<T>): Promise<T> {
    let inner: Scope;
    try {
      inner = create();
    } catch (error) {
      return Promise.reject(error);
    }
    return quietIf(run(inner), (error) => inner.node.hasThrown(error) || this.#node.hasThrown(error));
  }
}

/** A scope opened by one of the calls above. */
class InnerScope extends CancelScope {
  constructor(parent?: CancelScope, shielded = false) {
    super(new ScopeNode(parent?.node, shielded));
  }

  get deadline(): number | null {
    return this.node.limit?.deadline ?? null;
  }

  get expired(): boolean {
    return this.node.limit?.expired ?? false;
  }

  cancel(detail?: string): boolean {
    if (this.cancelled || this.node.over) return false;
    this.node.interrupt({ kind: 'self', ...(detail !== undefined && { detail: cutDetail(textOf(detail)) }) });
    return true;
  }

  reschedule(ms: number | null): void {
    assertLimit('reschedule', ms);
    if (this.node.over) throw new ScopeEndedError('reschedule() on a scope that has ended');
    if (this.cancelled) {
      const why = this.expired ? 'its time is over' : 'it was cancelled';
      throw new ScopeEndedError(`reschedule() on a scope that only cleans up: ${why}`);
    }
    this.node.limitTime(ms);
  }
}

/** A scope with children. */
class GroupScope extends InnerScope implements TaskGroup {
  readonly #children = new GroupChildren(this);

  get children(): GroupChildren {
    return this.#children;
  }

  spawn<T>(body: ScopeBody<T>, { name }: { name?: string | undefined } = {}): Promise<T> {
    assertBody('spawn', body);
    if (this.node.over)
      throw new ScopeEndedError(
        `spawn() on a group that has ended${name === undefined ? '' : ` ("${name}")`}`,
      );
    this.throwIfCancelled();
    return this.#children.add(new InnerScope(this), body, name);
  }
}

/**
 * Runs a body in a scope with nothing above it, outside of any task.
 *
 * @returns as {@link CancelScope.scope}
 * @publicApi
 */
export async function runScope<T>(body: (scope: CancelScope) => Promise<T>): Promise<T | undefined> {
  const root = new InnerScope();
  try {
    return await root.scope(body);
  } finally {
    root.node.retire();
  }
}
