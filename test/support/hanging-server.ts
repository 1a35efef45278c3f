import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deferred, patience, withTimeout } from './wait.js';

/** A server of one test. Requests that its listener leaves unanswered hang. */
export class HangingServer implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly #server;
  readonly #waiting = new Set<() => void>();
  #closed = 0;

  constructor(listener?: RequestListener) {
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      request.socket.once('close', () => {
        this.#closed++;
        this.#wake();
      });
      listener?.(request, response);
      this.#wake();
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when a request like `GET /` has come. */
  request(method: IncomingMessage['method'], path = '/'): Promise<void> {
    return this.#until(`${method} ${path}`, () => this.requests.includes(`${method} ${path}`));
  }

  /** Resolves when a client has closed its connection. */
  get connectionClosed(): Promise<void> {
    return this.#until('a closed connection', () => this.#closed > 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const done = deferred();
    const look = (): void => {
      if (isSo()) done.resolve();
    };
    this.#waiting.add(look);
    look();
    await withTimeout(done.promise, patience, () => `${what}; so far: ${this.requests.join(', ')}`);
    this.#waiting.delete(look);
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }
}
