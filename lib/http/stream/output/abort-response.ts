import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import { isHttp1 } from '../../request/http-exchange.js';
import { isConnection } from './end-connection.js';

/** Ends a response in the middle. Over HTTP/2 its stream is reset with a code: without one, a client takes that for the end. */
export function abortResponse(response: ServerResponse): void {
  if (isHttp1(response)) {
    // Of its request: a response that waits behind a pipelined one has none.
    const { socket } = response.req;
    if (isConnection(socket)) socket.destroy();
    else response.destroy();
    return;
  }
  const { stream } = response as unknown as Http2ServerResponse;
  stream.close(constants.NGHTTP2_CANCEL);
  stream.destroy();
}
