import { useClock } from '../../lib/cancellation/time/clock.js';
import { settle, TestClock } from '../../lib/testing/test-clock.js';
import { patience } from './wait.js';

/** A clock that goes on only when it is told to; at the end of its block the real one is back. */
export class StoppedClock extends TestClock implements Disposable {
  readonly #restore = useClock(this);

  /** Lets the time pass, from timer to timer, until it settles; throws where it does not. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const waiting = new Set([promise]);
    const settled = (): void => void waiting.delete(promise);
    promise.then(settled, settled);
    const giveUpAt = performance.now() + patience;
    await settle();
    while (waiting.size > 0) {
      if (performance.now() > giveUpAt)
        throw new Error(`It has not settled after ${this.now()} ms of this clock`);
      if (!(await this.fireNext())) await settle();
    }
    return promise;
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
