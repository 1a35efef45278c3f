import { useClock } from '../../lib/cancellation/time/clock.js';
import { settle, TestClock } from '../../lib/testing/test-clock.js';
import { untilStoreIsQuiet } from './app/store.js';
import { untilLogsAreQuiet } from './remote-log.js';
import { patience } from './wait.js';

/**
 * A clock that goes on only when it is told to; at the end of its block the real one is back. Where tasks are in Redis, or logs are kept
 * elsewhere, what they are asked takes no time of this clock.
 */
export class StoppedClock extends TestClock implements Disposable {
  readonly #restore = useClock(this);

  override async advance(ms: number): Promise<void> {
    await settleAll();
    await super.advance(ms);
  }

  override async fireNext(end?: number): Promise<boolean> {
    const hasFired = await super.fireNext(end);
    if (hasFired) await untilOthersAreQuiet();
    return hasFired;
  }

  /** Lets the time pass, from timer to timer, until it settles; throws where it does not. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const waiting = new Set([promise]);
    const settled = (): void => void waiting.delete(promise);
    promise.then(settled, settled);
    const giveUpAt = performance.now() + patience;
    await settleAll();
    while (waiting.size > 0) {
      if (performance.now() > giveUpAt)
        throw new Error(`It has not settled after ${this.now()} ms of this clock`);
      if (!(await this.fireNext())) await settleAll();
    }
    return promise;
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}

async function settleAll(): Promise<void> {
  await settle();
  await untilOthersAreQuiet();
}

async function untilOthersAreQuiet(): Promise<void> {
  await untilStoreIsQuiet();
  await untilLogsAreQuiet();
}
