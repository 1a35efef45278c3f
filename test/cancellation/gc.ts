import { getEventListeners } from 'node:events';
import { runInThisContext } from 'node:vm';

const collectGarbage = runInThisContext('gc') as () => void;

/** Twice, with a macrotask between: what a WeakRef holds for this turn goes with the second. */
export async function collect(): Promise<void> {
  for (let n = 0; n < 2; n++) {
    collectGarbage();
    await new Promise(setImmediate);
  }
}

/** The heap in bytes, once what can go is gone. */
export async function heapUsed(): Promise<number> {
  await collect();
  return process.memoryUsage().heapUsed;
}

/** By how much the heap is larger after a body, in bytes. What it makes once, it makes in a first, smaller run. */
export async function heapGrowth(body: (count: number) => Promise<void>, count: number): Promise<number> {
  await body(Math.ceil(count / 20));
  const before = await heapUsed();
  await body(count);
  return (await heapUsed()) - before;
}

export const MiB = 1024 * 1024;

export function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** Remembers objects, and holds none. */
export class Mortals {
  readonly #refs: WeakRef<object>[] = [];

  add(object: object): void {
    this.#refs.push(new WeakRef(object));
  }

  /**
   * How many are left, for good: a compilation in the background holds what it works on, for a moment.
   *
   * @param expected it looks again only while there are more: in a large heap each look takes a second
   */
  async left(expected = 0): Promise<number> {
    let left = Infinity;
    for (let n = 0; n < 10 && left > expected; n++) {
      await collect();
      left = this.#refs.filter((ref) => ref.deref() !== undefined).length;
    }
    return left;
  }
}
