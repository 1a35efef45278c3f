/** What a test sees of an application's own side of its connections. */
import type { Server, ServerResponse } from 'node:http';
import type { TaskApp } from './app.js';

/** The server's side of every request from now on, in the order they come. */
export function responsesOf({ app }: TaskApp): ServerResponse[] {
  const responses: ServerResponse[] = [];
  (app.getHttpServer() as Server).on('request', (_request, response: ServerResponse) => {
    responses.push(response);
  });
  return responses;
}

/** The most of what is read every millisecond, until the end of its block. */
export class Peak implements Disposable {
  most = 0;
  readonly #timer;

  constructor(read: () => number) {
    this.#timer = setInterval(() => {
      this.most = Math.max(this.most, read());
    }, 1);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
