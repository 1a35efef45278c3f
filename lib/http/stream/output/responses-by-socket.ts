import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type OnGone = () => void;

/** Which responses share a connection: those of a client that pipelines. When it leaves, Node closes only the one on turn. */
export class ResponsesBySocket {
  /** Nearly all connections have one response, whose turn it is: nothing is made for it. */
  readonly #sockets = new Map<Socket, ServerResponse | Pipeline>();

  /** @param onGone called if the connection closes before the response is removed, unless Node emits `close` for it */
  add(response: ServerResponse, socket: Socket, onGone: OnGone): void {
    const known = this.#sockets.get(socket);
    // It may wait behind a response that is no stream, and so is not known here.
    if (!known && response.socket) {
      this.#sockets.set(socket, response);
      return;
    }
    const pipeline = known instanceof Pipeline ? known : new Pipeline(socket, known);
    pipeline.add(response, onGone);
    this.#sockets.set(socket, pipeline);
  }

  /** Says whether no other response shares the connection. */
  remove(response: ServerResponse, socket: Socket): boolean {
    const known = this.#sockets.get(socket);
    if (known instanceof Pipeline && !known.remove(response)) return false;
    this.#sockets.delete(socket);
    return true;
  }
}

/** Several responses on one connection. */
class Pipeline {
  readonly #socket: Socket;
  readonly #responses = new Map<ServerResponse, OnGone | undefined>();
  readonly #onClose = (): void => {
    for (const onGone of this.#responses.values()) onGone?.();
  };

  /** @param first the one whose turn it is, if that is a stream */
  constructor(socket: Socket, first: ServerResponse | undefined) {
    this.#socket = socket;
    if (first) this.#responses.set(first, undefined);
    // One listener, however many requests the client has sent.
    socket.on('close', this.#onClose);
  }

  add(response: ServerResponse, onGone: OnGone): void {
    this.#responses.set(response, onGone);
  }

  /** Says whether none is left. */
  remove(response: ServerResponse): boolean {
    this.#responses.delete(response);
    if (this.#responses.size > 0) return false;
    this.#socket.removeListener('close', this.#onClose);
    return true;
  }
}
