import { Timer } from '../../cancellation/time/timer.js';

/** The wait between two tries, which a cancel ends early. */
export class Pause {
  #end: (() => void) | undefined;

  /**
   * @param ms milliseconds, any length
   */
  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = new Timer(ms, resolve);
      this.#end = () => {
        timer.clear();
        resolve();
      };
    });
    this.#end = undefined;
  }

  end(): void {
    this.#end?.();
  }
}
