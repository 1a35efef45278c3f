import { useClock } from '../../lib/cancellation/clock.js';
import { TestClock } from '../../lib/testing/test-clock.js';

/** A clock that goes on only when it is told to; at the end of its block the real one is back. */
export class StoppedClock extends TestClock implements Disposable {
  readonly #restore = useClock(this);

  [Symbol.dispose](): void {
    this.#restore();
  }
}
