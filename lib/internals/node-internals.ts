import { OutgoingMessage, type ServerResponse } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { readProperty } from '../cancellation/read-error.js';

/**
 * What this package uses of Node that Node does not document: nothing else in `lib/` may. Checked with Node 20.19, 22 and 24, by
 * `test/internals/node-internals.test.ts`, which `npm run check:matrix` runs on each of them.
 */

/**
 * The response whose turn it is on a connection. Node has no public way to find one that is no stream.
 *
 * `_httpMessage` of a socket. If it is gone, a connection ends at once, and answers to pipelined requests are lost.
 */
export function responseOnTurn(socket: Socket): ServerResponse | undefined {
  return (Reflect.get(socket, '_httpMessage') as ServerResponse | null | undefined) ?? undefined;
}

/**
 * Whether Node itself frames and sends what is written to a response, with no middleware in between.
 *
 * `ServerResponse` inherits `write` of `OutgoingMessage`. If it gets one of its own, this is `false`, and chunks go through the response:
 * at twice the cost.
 */
export function writesPlainly(response: ServerResponse): boolean {
  return Reflect.get(response, 'write') === plainWrite;
}

/**
 * Whether the end of a response that is sent in chunks is the last chunk alone: no middleware has an `end` of its own, and no
 * trailers follow the body.
 *
 * `ServerResponse` inherits `end` of `OutgoingMessage`, and `_trailer` has the trailers. If either is gone, this is `false`, and Node ends each
 * response as it is written.
 */
export function endsPlainly(response: ServerResponse): boolean {
  return Reflect.get(response, 'end') === plainEnd && Reflect.get(response, '_trailer') === '';
}

/**
 * Makes a response say that it has ended, before Node is told: other code then writes nothing behind the end.
 *
 * `writableEnded` and `write` read `finished`. If they no longer do, other code may write behind the end.
 */
export function markEnded(response: ServerResponse): void {
  Reflect.set(response, 'finished', true);
}

/**
 * Has Node do what is left of the end of a response that was marked so, and whose last chunk is written.
 *
 * `end` writes a last chunk only where `chunkedEncoding` is set. If it no longer asks, the client gets that chunk twice.
 */
export function endAfterLastChunk(response: ServerResponse): void {
  Reflect.set(response, 'finished', false);
  response.chunkedEncoding = false;
  response.end();
}

/** What Node has for a connection. */
interface Handle {
  readonly writeQueueSize?: unknown;
  readonly bytesWritten?: unknown;
}

/**
 * Bytes that the system has not taken of what was handed to it. Over TLS the connection below is looked at: what was handed to
 * TLS counts as a whole, until all of it is taken.
 *
 * `writeQueueSize` of the socket's `_handle`, and `_parent` of that over TLS. If they are gone, a client that takes longer than
 * `stallTimeout` for one large event is given up.
 */
export function unsentBytes(socket: Socket): unknown {
  const handle = handleOf(socket);
  const below = handle && (Reflect.get(handle, '_parent') as Handle | null | undefined);
  return (below ?? handle)?.writeQueueSize;
}

/**
 * Bytes that were handed to a connection so far. They tell one write of an HTTP/2 session from the next: the session writes to the
 * handle itself, so the socket counts nothing.
 *
 * `bytesWritten` of the socket's `_handle`. If it is gone, a stream that is not read is kept for as long as others in its session are.
 */
export function bytesHandedOver(socket: Socket): unknown {
  return handleOf(socket)?.bytesWritten;
}

function handleOf(socket: Socket): Handle | undefined {
  return (Reflect.get(socket, '_handle') as Handle | null | undefined) ?? undefined;
}

/**
 * The connection of an HTTP/2 session, so that it can be destroyed. The session gives a stand-in for it only, which refuses.
 *
 * What the stand-in's methods return is the socket itself. If not, `destroy` of it throws.
 */
export function socketOf(session: ServerHttp2Session): Socket {
  return session.socket.once('close', () => {});
}

/**
 * The option `emitClose` of a stream. It shows nowhere else.
 *
 * `_readableState.emitClose`. If it is gone, this is `true`, and a stream without the event is waited for until the grace is over.
 */
export function emitsClose(stream: object): boolean {
  return readProperty(readProperty(stream, '_readableState'), 'emitClose') !== false;
}

/** Compared, never called. */
const { prototype } = OutgoingMessage;
const plainWrite: unknown = Reflect.get(prototype, 'write');
const plainEnd: unknown = Reflect.get(prototype, 'end');
