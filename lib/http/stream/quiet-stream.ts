import { Observable, type OperatorFunction } from 'rxjs';

/**
 * A stream that emits nothing: its connection writes for itself, so subscribed is open, and completed is ended.
 *
 * What Nest pipes an `@Sse()` stream through has nothing to do then, and would take 3.6 kB for each watcher. So where Nest
 * alone can be who pipes it, no operator is applied.
 */
export class QuietStream extends Observable<never> {
  #isForNest = false;

  /** To be called where nobody but Nest gets it. */
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
