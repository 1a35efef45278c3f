import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { endAfterLastChunk, markEnded } from '../../../internals/node-internals.js';

/**
 * The end of a response that is about to be written, and that Node is told of later. For other code the response has ended: that
 * writes nothing behind the end.
 *
 * @param onLeave called when the client leaves before the end is complete. It is to complete it then: what has not ended by
 *   then Node takes for cut off
 * @returns has Node do what is left of the end. That waits until the client has taken what was written, as always
 */
export function endEarly(response: ServerResponse, socket: Socket, onLeave: () => void): () => void {
  markEnded(response);
  // If the client leaves, Node calls a request aborted unless it was read to its end.
  response.req.resume();
  socket.prependListener('end', onLeave);
  return () => {
    socket.removeListener('end', onLeave);
    endAfterLastChunk(response);
  };
}
