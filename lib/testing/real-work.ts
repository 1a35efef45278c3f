// Not the globals: a test may have replaced them with fake ones.
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers';

/** How long work may stand still before it counts as a server or a kept connection, in milliseconds. */
const MAX_STANDSTILL = 1_000;
const POLL_DELAY = 5;

/**
 * What Node is doing for real: files, sockets, processes, timers of the handler's own. Only work that was not there when
 * the run began counts. Node does not list work in its thread pool, as of `crypto` and `zlib`.
 */
export class RealWork {
  #before = active();
  #seen = this.#before;
  #changedAt = performance.now();

  get isActive(): boolean {
    return isMore(active(), this.#before);
  }

  /** Waits for its end, or until it stands still. */
  async end(): Promise<void> {
    while (this.#isMoving()) await pause();
  }

  #isMoving(): boolean {
    const now = active();
    if (!isMore(now, this.#before)) return false;
    if (isMore(now, this.#seen) || isMore(this.#seen, now)) {
      this.#seen = now;
      this.#changedAt = performance.now();
    }
    if (performance.now() - this.#changedAt < MAX_STANDSTILL) return true;
    this.#before = now;
    return false;
  }
}

/** Waits a few milliseconds in real time, until it is looked again; does not keep the process from ending. */
export async function pause(): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, POLL_DELAY).unref();
  });
}

function active(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo())
    if (name !== 'Immediate') counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function isMore(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): boolean {
  return [...now].some(([name, count]) => count > (before.get(name) ?? 0));
}
