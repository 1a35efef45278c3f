// Not the global: a test may have replaced it with a fake one.
import { setTimeout } from 'node:timers';

const POLL_DELAY = 5;

/**
 * Work that stands still for so many looks, a second's, counts as a server or a kept connection. Not by the clock: what delays
 * the work, as a busy machine does, delays the looks too.
 */
const MAX_LOOKS = 200;

/**
 * What Node is doing for real: files, sockets, processes, timers of the handler's own. Only work that was not there when
 * the run began counts. Node does not list work in its thread pool, as of `crypto` and `zlib`.
 */
export class RealWork {
  #before = active();
  #seen = this.#before;
  #looks = 0;

  get isActive(): boolean {
    return isMore(this.#look(), this.#before);
  }

  /** Waits for its end, or until it stands still. */
  async end(): Promise<void> {
    this.#looks = 0;
    while (this.#isMoving()) await heldPause();
  }

  #isMoving(): boolean {
    const now = this.#look();
    if (!isMore(now, this.#before)) return false;
    const hasChanged = isMore(now, this.#seen) || isMore(this.#seen, now);
    this.#seen = now;
    this.#looks = hasChanged ? 0 : this.#looks + 1;
    if (this.#looks < MAX_LOOKS) return true;
    this.#before = now;
    return false;
  }

  /** What was there before and has ended must not hide what begins later. */
  #look(): Counts {
    const now = active();
    this.#before = new Map(
      [...this.#before].map(([name, count]) => [name, Math.min(count, now.get(name) ?? 0)]),
    );
    return now;
  }
}

type Counts = ReadonlyMap<string, number>;

/** Waits a few milliseconds in real time, until it is looked again; does not keep the process from ending. */
export async function pause(): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, POLL_DELAY).unref();
  });
}

/** How many of these timers wait: they are no work of a handler. */
let heldPauses = 0;

/** As {@link pause}, and the process goes on: `node:test` ends it when nothing holds it. For waits that end by themselves. */
export async function heldPause(): Promise<void> {
  heldPauses += 1;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, POLL_DELAY);
  });
  heldPauses -= 1;
}

function active(): Counts {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo())
    if (name !== 'Immediate') counts.set(name, (counts.get(name) ?? 0) + 1);
  counts.set('Timeout', (counts.get('Timeout') ?? 0) - heldPauses);
  return counts;
}

function isMore(now: Counts, before: Counts): boolean {
  return [...now].some(([name, count]) => count > (before.get(name) ?? 0));
}
