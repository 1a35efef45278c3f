/** An event that has its number and is not written yet. */
export interface UnwrittenEvent {
  readonly type: string;
  readonly json: string;
  readonly bytes: number;
}

/** Events that were given to a journal together, and the promise of all of them. */
export class WriteBatch {
  readonly events: UnwrittenEvent[] = [];
  readonly firstSeq: number;
  bytes = 0;
  /** The newest that was saved with these events, as JSON. */
  checkpoint: string | undefined;
  /** The state behind the last of these events, as JSON, where they have changed it. */
  state: string | undefined;
  #isSettled = false;
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;

  constructor(firstSeq: number) {
    this.firstSeq = firstSeq;
  }

  /** Settles when it is written, or when the journal writes no more. */
  get written(): Promise<void> {
    return (this.#promise ??= new Promise((resolve) => {
      this.#resolve = resolve;
    }));
  }

  add(event: UnwrittenEvent): void {
    this.events.push(event);
    this.bytes += event.bytes;
  }

  /** @returns whether it was not settled before */
  settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#resolve?.();
    return true;
  }
}
