import { Observable, type OperatorFunction } from 'rxjs';

/**
 * A stream that emits nothing, since its connection writes for itself. It is open when subscribed, and ended when completed.
 *
 * The operators that Nest pipes an `@Sse()` stream through have nothing to do then, and would take 3.6 kB for each watcher.
 * So where only Nest can pipe it, no operator is applied.
 */
export class QuietStream extends Observable<never> {
  #isForNest = false;

  /** To be called where only Nest gets it. */
  forNest(): this {
    this.#isForNest = true;
    return this;
  }

  /** Whether Nest alone subscribes, and passes nothing on to an interceptor. */
  get isForNest(): boolean {
    return this.#isForNest;
  }

  override pipe(...operators: OperatorFunction<never, never>[]): Observable<never> {
    if (this.#isForNest) return this;
    return operators.reduce<Observable<never>>((source, operator) => operator(source), this);
  }
}
