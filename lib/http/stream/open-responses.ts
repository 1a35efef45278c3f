import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Timer } from '../../cancellation/time/timer.js';
import { isHttp1 } from '../request/http-exchange.js';
import type { StreamConnection } from './connection/stream-connection.js';
import { abortResponse } from './output/abort-response.js';
import { endConnection, isConnection } from './output/end-connection.js';
import { destroySession } from './output/http2-sessions.js';
import { ResponsesBySocket } from './output/responses-by-socket.js';

/** Clients get at least this long to take the end of their stream, in milliseconds. */
const MIN_DRAIN = 1_000;

interface OpenResponse {
  /** Its stream. It has none before it is opened, nor if there are no events. */
  connection: StreamConnection | undefined;
  endsConnection: boolean;
}

/** Every response with its stream until it is closed, so also while a slow client still takes its end. */
export class OpenResponses {
  readonly #open = new Map<ServerResponse, OpenResponse>();
  readonly #sockets = new ResponsesBySocket();
  /** Connections that end, once their clients have the answers to what they asked behind a stream. */
  readonly #ending = new Set<Socket>();
  #draining = false;
  #isDrained = false;
  #drained: (() => void) | undefined;

  get size(): number {
    return this.#open.size;
  }

  has(response: ServerResponse): boolean {
    return this.#open.has(response);
  }

  *connections(): Generator<StreamConnection> {
    for (const { connection } of this.#open.values()) if (connection) yield connection;
  }

  /** @param onClose called once, when it is closed or its connection is */
  add(response: ServerResponse, onClose: () => void): void {
    const socket = connectionOf(response);
    const open: OpenResponse = { connection: undefined, endsConnection: false };
    this.#open.set(response, open);
    const remove = (): void => {
      if (!this.#open.delete(response)) return;
      // Nest looks at the socket alone; the response may end before it, by other hands.
      open.connection?.complete();
      onClose();
      const isLast = socket !== undefined && this.#sockets.remove(response, socket);
      // Kept alive, the connection would hold the server's close for seconds.
      if (isLast && (this.#draining || open.endsConnection)) this.#end(socket);
      this.#checkDrained();
    };
    response.on('close', remove);
    if (socket) this.#sockets.add(response, socket, remove);
  }

  /** Does nothing for a response that is closed by now. It has one stream: a later one takes it over. */
  connect(response: ServerResponse, connection: StreamConnection): void {
    const open = this.#open.get(response);
    if (!open) return;
    const before = open.connection;
    open.connection = connection;
    before?.complete();
  }

  /** No further request may follow on its connection but those that have arrived. */
  endsConnection(response: ServerResponse): void {
    const open = this.#open.get(response);
    if (open) open.endsConnection = true;
  }

  /** Waits until every client has taken the end of its stream. Connections that have not in time are destroyed. */
  async drain(ms: number): Promise<void> {
    this.#draining = true;
    await new Promise<void>((resolve) => {
      const timer = new Timer(Math.max(ms, MIN_DRAIN), () => {
        this.#isDrained = true;
        for (const [response, { connection }] of this.#open) {
          if (connection) connection.within(() => destroy(response));
          else destroy(response);
        }
        for (const socket of this.#ending) socket.destroy();
      });
      this.#drained = () => {
        timer.clear();
        resolve();
      };
      this.#checkDrained();
    });
    this.#isDrained = true;
  }

  #end(socket: Socket): void {
    if (this.#isDrained) {
      // Its answers are no longer awaited, and nothing would cut it off.
      socket.destroySoon();
      return;
    }
    this.#ending.add(socket);
    endConnection(socket, () => {
      this.#ending.delete(socket);
      this.#checkDrained();
    });
  }

  #checkDrained(): void {
    if (this.size === 0 && this.#ending.size === 0) this.#drained?.();
  }
}

/** The connection that carries a response; `undefined` where there is none, or one that carries a session. */
function connectionOf(response: ServerResponse): Socket | undefined {
  const { req } = response;
  return req.httpVersionMajor === 1 && isConnection(req.socket) ? req.socket : undefined;
}

/** Its client has left, or other code has answered meanwhile. */
export function isGone(response: ServerResponse): boolean {
  const socket = response.req.socket as Socket | undefined;
  return socket?.destroyed === true || response.writableEnded || response.destroyed;
}

/** Its client may not hold up the server's close: neither may a session that it does not read. */
function destroy(response: ServerResponse): void {
  if (isHttp1(response)) abortResponse(response);
  else destroySession(response);
}
