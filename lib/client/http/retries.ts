import type { RetryOptions } from '../client.options.js';

/**
 * When the next try comes.
 *
 * After a cut the first one comes at once. Then each delay is random, up to a limit that doubles. What the server asks for is
 * the least delay, but for the first try after a cut.
 */
export class Retries {
  /** In a row, since the last event. */
  tries = 0;
  /** What the stream's `retry:` asks for, in milliseconds. */
  asked = 0;

  constructor(private readonly options: Required<RetryOptions>) {}

  get usedUp(): boolean {
    return this.tries >= this.options.attempts;
  }

  /** @param retryAfter what the answer asks for, in milliseconds */
  delay(isCut: boolean, retryAfter: number): number {
    if (isCut && this.tries === 0) return 0;
    const { min, max } = this.options;
    const most = Math.min(max, min * 2 ** Math.max(0, this.tries - 1));
    return Math.max(this.asked, retryAfter, Math.random() * most);
  }
}
