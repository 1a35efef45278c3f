import { clock } from '../time/clock.js';
import { CancelLevel } from './cancel-level.js';
import { type CancelReason, cutDetail } from '../cancel-reason.js';
import { CancelledError } from '../errors/cancelled.error.js';
import { quietIf, rejectedQuietly } from '../promises.js';
import { retryIn, type RetryOptions } from './retry.js';
import { isInstance, textOf } from '../errors/read-error.js';
import { ScopeEndedError } from '../errors/scope-ended.error.js';
import { assertBody, assertLimit, type ResultsOf, type ScopeBody, type TaskGroup } from './scope-body.js';
import { ScopeTimeoutError } from '../errors/scope-timeout.error.js';
import { Timer } from '../time/timer.js';

/**
 * A stretch of work that can be cancelled as one, and holds others that are cancelled with it.
 *
 * Cancellation is a level, not a pulse: once a scope is cancelled, each of its checkpoints (`throwIfCancelled`,
 * `sleep`, `yield`, `waitFor`, entering a scope) throws, in cleanup too, always with the object in `signal.reason`.
 *
 * @publicApi
 */
export abstract class CancelScope extends CancelLevel {
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
        return new InnerScope(this, { limit: ms });
      },
      (scope) => scope.run(body),
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
      (scope) => scope.runAbsorbing(body),
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
      (group) => group.runGroup(body),
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
      (group) => group.runAll(bodies),
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
  shield<T>(body: (scope: CancelScope) => Promise<T>, options: { timeout?: number } = {}): Promise<T> {
    return this.#open(
      () => {
        assertBody('shield', body);
        const { timeout = null } = options;
        assertLimit('shield', timeout);
        return new InnerScope(this, { limit: timeout, shielded: true });
      },
      (scope) => scope.run(body),
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
        this.hasThrown(error) || this.explains(error) || (this.over && isInstance(error, ScopeEndedError)),
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
    return quietIf(run(inner), (error) => inner.hasThrown(error) || this.hasThrown(error));
  }
}

const nextMicrotask = Promise.resolve();
/** How many scopes are entered on one stack. */
const MAX_ENTERED_ON_STACK = 100;

/** A scope opened by one of the calls above. */
class InnerScope extends CancelScope {
  readonly #bornCancelled: boolean;
  #timer: Timer | undefined;
  #timeout = Infinity;
  #deadline: number | null = null;
  #dueAt = Infinity;
  #expired = false;

  constructor(
    parent?: CancelScope,
    { limit = null, shielded = false }: { limit?: number | null; shielded?: boolean } = {},
  ) {
    super(parent, shielded);
    this.#bornCancelled = this.cancelled;
    if (limit !== null) this.#limit(limit);
  }

  get deadline(): number | null {
    return this.#deadline;
  }

  get expired(): boolean {
    return this.#expired;
  }

  override get dueAt(): number {
    return this.#dueAt;
  }

  cancel(detail?: string): boolean {
    if (this.cancelled || this.over) return false;
    this.interrupt({ kind: 'self', ...(detail !== undefined && { detail: cutDetail(textOf(detail)) }) });
    return true;
  }

  reschedule(ms: number | null): void {
    assertLimit('reschedule', ms);
    if (this.over) throw new ScopeEndedError('reschedule() on a scope that has ended');
    if (this.cancelled) {
      const why = this.#expired ? 'its time is over' : 'it was cancelled';
      throw new ScopeEndedError(`reschedule() on a scope that only cleans up: ${why}`);
    }
    this.#limit(ms);
  }

  #limit(ms: number | null): void {
    this.#timeout = ms ?? Infinity;
    this.#dueAt = clock().now() + this.#timeout;
    this.#deadline = this.#timeout === Infinity ? null : clock().epoch() + this.#timeout;
    this.#await();
  }

  override expire(): void {
    if (this.cancelled || this.over) return;
    this.#expired = true;
    this.#warnWhenLate();
    this.interrupt({ kind: 'timeout', of: 'scope', timeout: this.#timeout });
  }

  /** A body that ignores its signal is waited for, however long that is, so a warning says so. */
  #warnWhenLate(): void {
    const { host } = this;
    if (host.grace === Infinity) return;
    const timeout = this.#timeout;
    this.#timer?.clear();
    this.#timer = new Timer(host.grace, () => {
      host.warn(
        `The body of timeout(${timeout}) still runs ${host.grace} ms after its time was over: it ignores its signal`,
      );
    }).unref();
  }

  protected refuseToWait(): Promise<never> {
    return rejectedQuietly(new ScopeEndedError('This scope has ended: nothing can wait in it any more'));
  }

  /** Runs a body to its end; what it lets through of a cancellation shows whose that was, the outermost first. */
  async run<T>(body: ScopeBody<T>): Promise<T> {
    try {
      if (this.isDeep) await nextMicrotask;
      const value = await body(this);
      if (this.#bornCancelled) this.above?.throwIfCancelled();
      return value;
    } catch (error) {
      if (!this.explains(error)) throw error;
      this.above?.throwIfCancelled();
      if (this.#expired) throw new ScopeTimeoutError(this.#timeout, this.cancellation);
      throw this.cancellation ?? error;
    } finally {
      this.end();
    }
  }

  /** As `run`, but takes the scope's own cancellation. */
  async runAbsorbing<T>(body: ScopeBody<T>): Promise<T | undefined> {
    const value = await this.run(async (scope) => {
      try {
        return await body(scope);
      } catch (error) {
        if (this.explains(error) && !this.above?.cancelled) return undefined;
        throw error;
      }
    });
    return this.isSelfCancelled ? undefined : value;
  }

  protected get isSelfCancelled(): boolean {
    return this.cancelled && this.reason?.kind !== 'parent';
  }

  protected interrupt(reason: CancelReason): void {
    this.abort(new CancelledError(reason, { scope: this.scopeId }));
  }

  /** Bodies that open one scope in the other are called one in the other: a new stack now and then. */
  protected get isDeep(): boolean {
    return this.depth % MAX_ENTERED_ON_STACK === 0;
  }

  protected override onReset(): void {
    this.#await();
  }

  protected override unrefTimers(): void {
    this.#timer?.unref();
  }

  #await(): void {
    this.#timer?.clear();
    if (this.cancelled || this.over || this.#dueAt === Infinity) return;
    const left = this.#dueAt - clock().now();
    if (left <= 0) {
      this.#onTimer();
      return;
    }
    this.#timer = new Timer(left, this.#onTimer);
    if (!this.holds) this.#timer.unref();
  }

  end(): void {
    this.#timer?.clear();
    this.retire();
  }

  /** Of nested scopes that are due together the outermost expires: the inner ones only pass that on. */
  readonly #onTimer = (): void => {
    let outermost: CancelLevel | undefined;
    for (let level = this.above; level; level = level.above)
      if (level.dueAt <= this.#dueAt && !level.over) outermost = level;
    outermost?.expire();
    if (!this.cancelled) this.expire();
  };
}

/** A scope with children. */
class GroupScope extends InnerScope implements TaskGroup {
  readonly #errors: unknown[] = [];
  /** Names of the children that failed, as far as they have one. */
  readonly #failed: string[] = [];
  #children = 0;
  #onEmpty: (() => void) | undefined;

  spawn<T>(body: ScopeBody<T>, { name }: { name?: string } = {}): Promise<T> {
    assertBody('spawn', body);
    if (this.over)
      throw new ScopeEndedError(
        `spawn() on a group that has ended${name === undefined ? '' : ` ("${name}")`}`,
      );
    this.throwIfCancelled();
    this.#children++;
    const result = this.#runChild(new InnerScope(this), body, name);
    // The group reports the error, so the promise need not be awaited as well.
    result.catch(() => {});
    return result;
  }

  async runAll<const Bodies extends readonly ScopeBody<unknown>[]>(
    bodies: Bodies,
  ): Promise<ResultsOf<Bodies>> {
    try {
      const results = await this.runGroup((group) => Promise.all(bodies.map((body) => group.spawn(body))));
      return results as ResultsOf<Bodies>;
    } catch (error) {
      throw isInstance(error, AggregateError) ? (error.errors[0] as unknown) : error;
    }
  }

  async runGroup<T>(body: (group: TaskGroup) => Promise<T>): Promise<T | undefined> {
    let value: T | undefined;
    let failure: { readonly error: unknown } | undefined;
    let withdrawn: { readonly error: unknown } | undefined;
    try {
      if (this.isDeep) await nextMicrotask;
      value = await body(this);
    } catch (error) {
      if (this.hasThrown(error)) withdrawn = { error };
      // A body that waited for the child that failed throws the same error again.
      else if (!this.#errors.includes(error) && !this.explains(error)) {
        failure = { error };
        this.#cancelRest(error);
      }
    }
    while (this.#children > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    this.end();
    const errors = failure ? [...this.#errors, failure.error] : this.#errors;
    if (errors.length > 0) {
      const cause = this.above?.cancellation;
      const names = this.#failed.length > 0 ? `: ${this.#failed.join(', ')}` : '';
      throw new AggregateError(errors, `${errors.length} failed in a group${names}`, cause && { cause });
    }
    this.above?.throwIfCancelled();
    if (this.isSelfCancelled) return undefined;
    // The body has thrown a cancellation that was withdrawn meanwhile.
    if (withdrawn && !this.cancelled) throw withdrawn.error;
    return value;
  }

  async #runChild<T>(child: InnerScope, body: ScopeBody<T>, name: string | undefined): Promise<T> {
    // It begins when the code that spawns it has gone on.
    await nextMicrotask;
    try {
      child.throwIfCancelled();
      return await body(child);
    } catch (error) {
      if (!child.explains(error) && !child.hasThrown(error)) {
        this.#errors.push(error);
        if (name !== undefined) this.#failed.push(name);
        this.#cancelRest(error);
      }
      throw error;
    } finally {
      child.end();
      this.#children--;
      if (this.#children === 0) this.#onEmpty?.();
    }
  }

  #cancelRest(error: unknown): void {
    if (!this.cancelled) this.interrupt({ kind: 'sibling', error });
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
    root.end();
  }
}
