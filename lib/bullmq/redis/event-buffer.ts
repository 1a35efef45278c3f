import { LogUnavailableError } from '../errors.js';

/** The most that may wait. */
export interface EventBufferLimits {
  readonly events: number;
  readonly bytes: number;
}

/** Counts what all runs of an instance have written and Redis has not taken yet. */
export class EventBuffer {
  readonly #limits: EventBufferLimits;
  #events = 0;
  #bytes = 0;

  constructor(limits: EventBufferLimits) {
    this.#limits = limits;
  }

  /** @throws LogUnavailableError where there is no room */
  take(bytes: number): void {
    const { events, bytes: mostBytes } = this.#limits;
    if (this.#events + 1 > events || this.#bytes + bytes > mostBytes) {
      throw new LogUnavailableError(
        `Redis has not taken ${this.#events} events (${this.#bytes} bytes) of this instance yet, and no more may wait ` +
          `(buffer: ${events} events, ${mostBytes} bytes)`,
      );
    }
    this.#events++;
    this.#bytes += bytes;
  }

  giveBack(events: number, bytes: number): void {
    this.#events -= events;
    this.#bytes -= bytes;
  }
}
