import type { RunContext } from './run-context.js';

/** Waits for one thing after the other, each no longer than until a cancellation. */
export class CancelWatch implements Disposable {
  #registration: Disposable | undefined;
  #wake = (): void => {};

  constructor(private readonly context: RunContext) {}

  /** Gives what a promise gives, or `undefined` as soon as the task is cancelled, if that is not withdrawn at once. */
  async wait<T>(promise: PromiseLike<T>): Promise<{ readonly value: T } | undefined> {
    const settled = Promise.resolve(promise).then((value) => ({ value }));
    // Not a race with one promise for all waits: that would keep something of each of them.
    for (;;) {
      if (this.context.cancelled) {
        settled.catch(() => {});
        return undefined;
      }
      this.#registration ??= this.context.onCancel(() => {
        this.#registration = undefined;
        this.#wake();
      });
      const first = await new Promise<{ readonly value: T } | undefined>((resolve, reject) => {
        this.#wake = () => resolve(undefined);
        settled.then(resolve, reject);
      });
      if (first) return first;
    }
  }

  [Symbol.dispose](): void {
    this.#registration?.[Symbol.dispose]();
    this.#registration = undefined;
  }
}
