import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Timer } from '../../../cancellation/timer.js';
import { isHttp1 } from '../../http-exchange.js';
import { cutOff } from './cut-off.js';
import { endConnection, isConnection } from './end-connection.js';
import { destroySession } from './http2-sessions.js';
import { ResponsesBySocket } from './responses-by-socket.js';

/** Clients get at least this long to take the end of their stream, in milliseconds. */
const leastDrain = 1_000;

/** Something that ends with its response. */
export interface ResponseUser {
  complete(): void;
  /** Runs `body` in the async context of the request. */
  within(body: () => void): void;
}

/** Every response with its user until it is closed, so also while a slow client still takes its end. */
export class OpenResponses<User extends ResponseUser> {
  readonly #users = new Map<ServerResponse, User | undefined>();
  readonly #sockets = new ResponsesBySocket();
  readonly #single = new WeakSet<ServerResponse>();
  /** Connections that end, once their clients have the answers to what they asked behind a stream. */
  readonly #ending = new Set<Socket>();
  #draining = false;
  #isDrained = false;
  #drained: (() => void) | undefined;

  get size(): number {
    return this.#users.size;
  }

  has(response: ServerResponse): boolean {
    return this.#users.has(response);
  }

  *users(): Generator<User> {
    for (const user of this.#users.values()) if (user) yield user;
  }

  /**
   * @param onClose called once, when it is closed or its connection is
   */
  add(response: ServerResponse, onClose: () => void): void {
    this.#users.set(response, undefined);
    const remove = (): void => {
      const user = this.#users.get(response);
      if (!this.#users.delete(response)) return;
      // Nest looks at the socket alone; the response may end before it, by other hands.
      user?.complete();
      onClose();
      const isLast = this.#hasSocket(response) && this.#sockets.remove(response);
      // Kept alive, the connection would hold the server's close for seconds.
      if (isLast && (this.#draining || this.#single.has(response))) this.#end(response.req.socket);
      this.#checkDrained();
    };
    response.on('close', remove);
    if (this.#hasSocket(response)) this.#sockets.add(response, remove);
  }

  /** Does nothing for a response that is closed by now. It has one user: a later one takes it over. */
  use(response: ServerResponse, user: User): void {
    if (!this.#users.has(response)) return;
    const before = this.#users.get(response);
    this.#users.set(response, user);
    before?.complete();
  }

  /** No further request may follow on its connection but those that have arrived. */
  endsConnection(response: ServerResponse): void {
    this.#single.add(response);
  }

  /** Waits until every client has taken the end of its stream. Connections that have not in time are destroyed. */
  async drain(ms: number): Promise<void> {
    this.#draining = true;
    await new Promise<void>((resolve) => {
      const timer = new Timer(Math.max(ms, leastDrain), () => {
        this.#isDrained = true;
        for (const [response, user] of this.#users) {
          if (user) user.within(() => destroy(response));
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

  #hasSocket(response: ServerResponse): boolean {
    return isHttp1(response) && isConnection(response.req.socket);
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

/** Its client has left, or other code has answered meanwhile. */
export function isGone(response: ServerResponse): boolean {
  const socket = response.req.socket as Socket | undefined;
  return socket?.destroyed === true || response.writableEnded || response.destroyed;
}

/** Its client may not hold up the server's close: neither may a session that it does not read. */
function destroy(response: ServerResponse): void {
  if (isHttp1(response)) cutOff(response);
  else destroySession(response);
}
