import type { Socket } from 'node:net';
import { responseOnTurn } from '../../../internals/node-internals.js';

/**
 * Ends a connection after the last answer on it. A client that pipelines may have sent more requests meanwhile. Answers that
 * are complete go out, and the first that is not says that it is the last one. The client has to repeat the requests behind
 * it, as HTTP has it.
 *
 * @param onEnd called once it ends, or is gone
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-9.6
 */
export function endConnection(socket: Socket, onEnd: () => void): void {
  const next = socket.destroyed ? undefined : responseOnTurn(socket);
  if (!next) {
    socket.destroySoon();
    onEnd();
    return;
  }
  // Node writes `Connection: close` then, and closes; not where the headers are made already.
  next.shouldKeepAlive = false;
  next.once('close', () => endConnection(socket, onEnd));
}

/**
 * Whether this is a connection. `inject()` of Fastify and the adapters for serverless platforms make up a socket that can
 * neither be ended nor destroyed: there a response is all there is.
 */
export function isConnection(socket: Socket | undefined): socket is Socket {
  const { destroy, destroySoon } = (socket ?? {}) as Partial<Socket>;
  return typeof destroy === 'function' && typeof destroySoon === 'function';
}
