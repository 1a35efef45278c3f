/** Tells of changes: of those that come together once, and no more often than is asked for. */
export class Publisher {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = -Infinity;

  /**
   * @param publish shows what has changed
   * @param throttle the milliseconds between two calls of it
   */
  constructor(
    private readonly publish: () => void,
    private readonly throttle: () => number,
  ) {}

  /** Something has changed. */
  soon(): void {
    // Events of one chunk come in microtasks: a timer has all of them.
    this.#timer ??= setTimeout(
      () => this.now(),
      Math.max(0, this.#last + this.throttle() - performance.now()),
    );
  }

  /** Something has changed that cannot wait. */
  now(): void {
    this.stop();
    this.#last = performance.now();
    this.publish();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
