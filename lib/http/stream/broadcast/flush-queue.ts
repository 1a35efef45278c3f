// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import { inRootContext } from '../../../cancellation/async-context.js';
import type { SubscribedStream } from '../connection/task-subscription.js';

/** How long all of the queue may take before other work of the process has its turn, in milliseconds. */
const SLICE = 5;

/** So many responses are ended in one turn: what Node and the platform do for each follows in the same turn. */
const ENDS_PER_TURN = 100;

/**
 * Goes over many connections.
 *
 * @param isOver whether it has taken long enough for one turn of the event loop
 * @returns whether it is to be queued again
 */
export type Flush = (isOver: () => boolean) => boolean;

/**
 * What goes over many connections takes turns here: broadcasts that have news, heartbeats and checks, and the end of
 * responses. It runs once in each turn of the event loop, and for no more than a slice of it.
 */
export class FlushQueue {
  #waiting: Flush[] = [];
  #scheduled = false;
  /** Whose last bytes are out. */
  #ending: SubscribedStream[] = [];

  constructor(private readonly nextTurn: (flush: () => void) => unknown = setImmediate) {}

  /** @param flush comes last; it is not to be in the queue yet */
  add(flush: Flush): void {
    this.#waiting.push(flush);
    this.#schedule();
  }

  /**
   * Does what is left of the end of responses whose last bytes are out. That costs more than to write them, above all on
   * Express, and only a client that uses its connection again at once waits for it. So it comes after all that is queued.
   */
  complete(streams: readonly SubscribedStream[]): void {
    const isFirst = this.#ending.length === 0;
    for (const stream of streams) this.#ending.push(stream);
    if (isFirst) this.add(this.#completeSome);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const end = performance.now() + SLICE;
    const isOver = (): boolean => performance.now() >= end;
    let turns = 0;
    try {
      for (const flush of this.#waiting) {
        turns++;
        // Last in the queue again, when it has more: none keeps the others waiting. It comes to that in this same turn,
        // if there is time.
        if (flush(isOver)) this.#waiting.push(flush);
        if (isOver()) break;
      }
    } finally {
      this.#waiting = this.#waiting.slice(turns);
      if (this.#waiting.length > 0) this.#schedule();
    }
  };

  readonly #completeSome = (): false => {
    const all = this.#ending;
    let completed = 0;
    try {
      while (completed < Math.min(ENDS_PER_TURN, all.length)) all[completed++]?.complete();
    } finally {
      this.#ending = all.slice(completed);
      if (this.#ending.length > 0) this.nextTurn(this.#completeSome);
    }
    return false;
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // It writes for all watchers, so it must not run in the async context of the task that sends.
    inRootContext(() => this.nextTurn(this.#flush));
  }
}
