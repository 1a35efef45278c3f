import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { endAfterLastChunk, markEnded } from '../../../internals/node-internals.js';

/**
 * The end of a response that is about to be written, and that Node is told of later. For other code the response has ended: that
 * writes nothing behind the end.
 */
export class EarlyEnd {
  /**
   * @param onLeave called when the client leaves before {@link complete}. It is to be called then: what has not ended by
   *   then Node takes for cut off
   */
  constructor(
    private readonly response: ServerResponse,
    private readonly socket: Socket,
    private readonly onLeave: () => void,
  ) {
    markEnded(response);
    // If the client leaves, Node calls a request aborted unless it was read to its end.
    response.req.resume();
    socket.prependOnceListener('end', onLeave);
  }

  /** Has Node do what is left of the end. It waits until the client has taken what was written, as always. */
  complete(): void {
    this.socket.removeListener('end', this.onLeave);
    endAfterLastChunk(this.response);
  }
}
