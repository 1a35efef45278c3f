import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is done when a connection is gone. */
type OnGone = () => void;

/**
 * Which responses share a connection. A client that pipelines has several on one, and Node tells only the first of them
 * that the client is gone.
 */
export class ResponsesBySocket {
  readonly #sockets = new Map<
    Socket,
    { readonly responses: Map<ServerResponse, OnGone>; readonly onClose: OnGone }
  >();

  /**
   * @param onGone called once, if the connection closes before the response is removed
   */
  add(response: ServerResponse, onGone: OnGone): void {
    const { socket } = response.req;
    const known = this.#sockets.get(socket);
    if (known) {
      known.responses.set(response, onGone);
      return;
    }
    const responses = new Map([[response, onGone]]);
    // One listener for a socket, however many requests its client has sent.
    const onClose = (): void => {
      this.#sockets.delete(socket);
      for (const tell of responses.values()) tell();
    };
    this.#sockets.set(socket, { responses, onClose });
    socket.once('close', onClose);
  }

  /**
   * @returns whether no other response shares the connection
   */
  remove(response: ServerResponse): boolean {
    const { socket } = response.req;
    const known = this.#sockets.get(socket);
    known?.responses.delete(response);
    if (!known || known.responses.size > 0) return known === undefined;
    this.#sockets.delete(socket);
    socket.removeListener('close', known.onClose);
    return true;
  }
}
