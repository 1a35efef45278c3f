/** What a window keeps of a log. */
export interface KeptWindow {
  readonly bytes: number;
  /** Whether somebody waits for some of it, and has not taken it yet. */
  readonly isAwaited: boolean;
  /** Drops all that it keeps. It is read again when somebody asks for it. */
  drop(): void;
}

/**
 * Bounds what many windows keep together. Those that have got nothing new for the longest time give up what they keep. What somebody
 * waits for stays, as it would be read again and again: for a moment it may be more.
 */
export class WindowBudget {
  readonly #most: number;
  /** Those that keep something, the one that has got something last at the end. */
  readonly #windows = new Map<KeptWindow, number>();
  #bytes = 0;

  /** @param most encoded bytes */
  constructor(most: number) {
    this.#most = most;
  }

  /** Encoded bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A window keeps more than before, or less. */
  onChange(window: KeptWindow): void {
    const before = this.#windows.get(window) ?? 0;
    const { bytes } = window;
    this.#bytes += bytes - before;
    if (bytes >= before) this.#windows.delete(window);
    if (bytes > 0) this.#windows.set(window, bytes);
    else this.#windows.delete(window);
    if (bytes > before && this.#bytes > this.#most) this.#shrink(window);
  }

  #shrink(newest: KeptWindow): void {
    for (const window of this.#windows.keys()) {
      if (this.#bytes <= this.#most) return;
      if (window !== newest && !window.isAwaited) window.drop();
    }
  }
}
