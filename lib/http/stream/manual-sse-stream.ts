import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import type { StreamHead } from './output/stream-head.js';

/** The two ways in which a stream that emits nothing begins. */
export interface QuietBeginnings {
  /** Nest or other code subscribes. Nest sends the headers and ends the response. */
  subscribed(stream: Subscriber<never>): void;
  /** Nest has left the response to it: it sends the headers itself. */
  served(head: StreamHead): void;
}

/** A stream that emits nothing, since its connection writes for itself. It is open when subscribed, and ended when completed. */
export class ManualSseStream extends Observable<never> {
  readonly #beginnings: QuietBeginnings;
  #isForNest = false;

  constructor(beginnings: QuietBeginnings) {
    super((stream) => beginnings.subscribed(stream));
    this.#beginnings = beginnings;
  }

  /** To be called where only Nest gets it. */
  forNest(): this {
    this.#isForNest = true;
    return this;
  }

  /** Whether Nest alone subscribes, and passes nothing on to an interceptor. */
  get isForNest(): boolean {
    return this.#isForNest;
  }

  /** Serves it without a subscriber. */
  serve(head: StreamHead): void {
    this.#beginnings.served(head);
  }

  /**
   * The operators that Nest pipes an `@Sse()` stream through have nothing to do, and would take 3.6 kB for each watcher. So
   * where only Nest can pipe it, no operator is applied.
   */
  override pipe(...operators: OperatorFunction<never, never>[]): Observable<never> {
    if (this.#isForNest) return this;
    return operators.reduce<Observable<never>>((source, operator) => operator(source), this);
  }
}
