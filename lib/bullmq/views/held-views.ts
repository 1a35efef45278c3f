// Not the globals: a test may have replaced them, and Redis keeps its own time.
import { performance } from 'node:perf_hooks';
import { clearTimeout, setTimeout } from 'node:timers';
import { inRootContext } from '../../cancellation/async-context.js';

/** The longest time before the end of a view that is kept is looked for, in milliseconds. */
const MAX_PATIENCE = 60_000;

/** What is asked for its end. */
export interface HeldView {
  /** Hears of its end from now on. */
  follow(): void;
}

interface Held {
  readonly view: WeakRef<HeldView>;
  readonly since: number;
}

/**
 * The views whose outcome may be asked for by those who keep them. Most starts are not waited for, and their handles are dropped: nothing is read
 * for these. Of the others the end must be heard of before Redis forgets it.
 */
export class HeldViews {
  readonly #patience: number;
  readonly #held: Held[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param retention how long Redis keeps a task behind its end, in milliseconds */
  constructor(retention: number) {
    this.#patience = Math.min(retention / 2, MAX_PATIENCE);
  }

  add(view: HeldView): void {
    this.#held.push({ view: new WeakRef(view), since: performance.now() });
    if (!this.#timer) this.#wait(this.#patience);
  }

  /** Looks for the ends of all that are kept by now: the instance closes. */
  followAll(): void {
    clearTimeout(this.#timer);
    this.#follow(this.#held.length);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
  }

  #wait(ms: number): void {
    this.#timer = inRootContext(() => setTimeout(() => this.#followLate(), ms)).unref();
  }

  #followLate(): void {
    this.#timer = undefined;
    const now = performance.now();
    const early = this.#held.findIndex(({ since }) => now - since < this.#patience);
    this.#follow(early < 0 ? this.#held.length : early);
    const [next] = this.#held;
    if (next) this.#wait(next.since + this.#patience - now);
  }

  #follow(count: number): void {
    for (const { view } of this.#held.splice(0, count)) view.deref()?.follow();
  }
}
