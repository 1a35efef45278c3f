import { OutgoingMessage, type ServerResponse } from 'node:http';

/**
 * Whether the end of a response that is sent in chunks may be written to its socket, in the place of Node: nothing stands in
 * between, and no trailers follow the body.
 */
export function endsPlainly(response: ServerResponse): boolean {
  return (
    Reflect.get(response, 'end') === plainEnd &&
    Reflect.get(response, '_trailer') === '' &&
    !response.writableEnded
  );
}

/**
 * To be called when its end is written. From here on it is an ended response for other code: that writes nothing behind the
 * end, and a client that leaves once it has the end was not cut off.
 */
export function endLater(response: ServerResponse): void {
  Reflect.set(response, 'finished', true);
}

/** Has Node do what is left of the end. It waits until the client has taken what was written, as always. */
export function endNow(response: ServerResponse): void {
  Reflect.set(response, 'finished', false);
  // Node writes the last chunk only where there are chunks.
  response.chunkedEncoding = false;
  response.end();
}

/** Compared, never called. */
const plainEnd: unknown = Reflect.get(OutgoingMessage.prototype, 'end');
