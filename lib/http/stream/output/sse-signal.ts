import type { IncomingMessage } from 'node:http';
import { SSE_ABORT_CONTROLLER } from '@nestjs/common';

/** Where Nest keeps the controller of a request to an `@Sse()` route. */
type Carrier = Record<typeof SSE_ABORT_CONTROLLER, unknown>;

/**
 * Stands in for the `AbortController` that Nest makes for each request to an `@Sse()` route. The handlers of this package
 * do not read its signal, and an abort costs about 15 µs. So a real one is made when something reads it.
 */
export class SseSignal implements AbortController {
  #controller: AbortController | undefined;
  #isAborted = false;

  /** The one of this request, as long as Nest has made none. */
  static of(request: IncomingMessage): SseSignal | undefined {
    const controller = (request as unknown as Carrier)[SSE_ABORT_CONTROLLER];
    return controller instanceof SseSignal ? controller : undefined;
  }

  /** Gives it to a request, before Nest makes one of its own. Fastify has a request beside that of Node. */
  static attach(...requests: readonly object[]): void {
    const signal = new SseSignal();
    for (const request of requests) (request as Carrier)[SSE_ABORT_CONTROLLER] = signal;
  }

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
