import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isHttp1 } from '../../request/http-exchange.js';

/** What the application has set for the answer. */
export interface StreamHead {
  readonly status: number;
  /** Those that the response of Node does not have yet: Fastify keeps them to itself. */
  readonly headers?: OutgoingHttpHeaders | undefined;
}

/** Those of Nest's `@Sse()`, which replace what the application has set. */
const SSE_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'private, no-cache, no-store, must-revalidate, max-age=0, no-transform',
  Pragma: 'no-cache',
  Expires: '0',
  'X-Accel-Buffering': 'no',
};
/** There is no such header in HTTP/2. */
const HTTP1_HEADERS = { ...SSE_HEADERS, Connection: 'keep-alive' };
const REPLACED = new Set(Object.keys(HTTP1_HEADERS).map((name) => name.toLowerCase()));

/** Sends the headers that Nest sends for an `@Sse()` stream. Where one is invalid, Node throws, and nothing was sent. */
export function sendHead(response: ServerResponse, { status, headers = {} }: StreamHead): void {
  const own: OutgoingHttpHeaders = isHttp1(response) ? HTTP1_HEADERS : SSE_HEADERS;
  // Node keeps those that were set beforehand in another form, and has to add all others to them one by one.
  if (response.getHeaderNames().length === 0) response.writeHead(status, withOthers(own, headers));
  else {
    setHeaders(response, headers);
    response.writeHead(status, own);
  }
  response.flushHeaders();
}

function withOthers(own: OutgoingHttpHeaders, headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const all: OutgoingHttpHeaders = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !REPLACED.has(name.toLowerCase())) all[name] = value;
  }
  return Object.assign(all, own);
}

function setHeaders(response: ServerResponse, headers: OutgoingHttpHeaders): void {
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && response.getHeader(name) !== value) response.setHeader(name, value);
  }
}

/** When TCP's own keep-alive begins to ask whether the other side is there, in milliseconds. */
const TCP_KEEP_ALIVE = 2 * 60 * 60 * 1_000;

/** A socket, or what `inject()` makes up. */
type PreparedSocket = Partial<Pick<Socket, 'setKeepAlive' | 'setNoDelay' | 'setTimeout' | 'timeout'>>;

/**
 * Prepares the connection for a stream, as Nest does. TCP's keep-alive takes a tenth of what it costs to open one, and asks
 * only where nothing is written for hours, so where the heartbeat is more often it is left out.
 */
export function prepareConnection(response: ServerResponse, heartbeat: number): void {
  if (!isHttp1(response)) return;
  const socket = response.req.socket as PreparedSocket | undefined;
  if (heartbeat >= TCP_KEEP_ALIVE) socket?.setKeepAlive?.(true);
  socket?.setNoDelay?.(true);
  if (socket?.timeout !== 0) socket?.setTimeout?.(0);
}
