import type { CancelScope } from 'nestjs-streaming';

/** So many at once; the others wait, first in first out, and stop waiting when their scope is cancelled. */
export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs the body when there is a place for it. */
  async use<T>(scope: CancelScope, body: () => Promise<T>): Promise<T> {
    await this.#enter(scope);
    try {
      return await body();
    } finally {
      this.#leave();
    }
  }

  async #enter(scope: CancelScope): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    let call = (): void => {};
    const called = new Promise<void>((resolve) => {
      call = resolve;
    });
    this.#waiting.push(call);
    try {
      await scope.waitFor(called);
    } catch (error) {
      const index = this.#waiting.indexOf(call);
      // It may have been called in the same moment: then the place is the next one's.
      if (index === -1) this.#leave();
      else this.#waiting.splice(index, 1);
      throw error;
    }
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
