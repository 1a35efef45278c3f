import type { IncomingMessage } from 'node:http';
import { setSseController, sseControllerOf } from '../../../internals/nest-internals.js';

/**
 * Stands in for the `AbortController` that Nest makes for each request to an `@Sse()` route. The handlers of this package
 * do not read its signal, and an abort costs about 15 µs. So a real one is made when something reads it.
 */
export class SseSignal implements AbortController {
  #controller: AbortController | undefined;
  #isAborted = false;

  /** The one of this request, as long as Nest has made none. */
  static of(request: IncomingMessage): SseSignal | undefined {
    const controller = sseControllerOf(request);
    return controller instanceof SseSignal ? controller : undefined;
  }

  /** Gives it to a request, and to that of Node behind it, before Nest makes one of its own. */
  static attach(request: object, raw: object, hasOwnHeaders: boolean): void {
    setSseController(request, raw, new SseSignal(hasOwnHeaders));
  }

  /** @param hasOwnHeaders whether the platform keeps headers that the response of Node does not have yet */
  constructor(readonly hasOwnHeaders: boolean = false) {}

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    this.#isAborted = true;
    this.#controller?.abort();
  }
}
