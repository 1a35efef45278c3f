import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { type ClientBase, Connection } from 'pg';
import { Timer } from '../cancellation/time/timer.js';

/** What `pg` does not tell of its own connection, and the compiler therefore does not know. */
interface WireConnection extends EventEmitter {
  readonly stream: Duplex;
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: unknown): void;
}

const WireConnection = Connection as unknown as new (config: {
  ssl: unknown;
  sslNegotiation: unknown;
  stream?: unknown;
}) => WireConnection;

/** What it keeps about the server it talks to, of which only the first half is declared. */
interface Peer {
  readonly host: string;
  readonly port: number;
  readonly ssl?: unknown;
  readonly sslNegotiation?: unknown;
  readonly processID?: number | null;
  readonly secretKey?: unknown;
}

/**
 * Asks the server, by the protocol's CancelRequest, to cancel what a connection is doing. That needs a connection of
 * its own, but no place in a pool, no password and none of the server's `max_connections`, and connection poolers
 * understand it. What is cancelled is whatever runs there when it arrives.
 *
 * @param stream where the client's connections come from, when it has a way of its own
 * @param timeout most milliseconds
 * @returns whether the server has taken it: only then is it certain that it does not arrive later
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export function requestCancel(client: ClientBase, stream: unknown, timeout: number): Promise<boolean> {
  const { host, port, ssl, sslNegotiation, processID, secretKey } = client as unknown as Peer;
  if (typeof processID !== 'number') return Promise.resolve(false);
  return new Promise((resolve) => {
    const connection = new WireConnection({ ssl, sslNegotiation, ...(stream !== undefined && { stream }) });
    let sent = false;
    const send = (): void => {
      connection.cancel(processID, secretKey);
      sent = true;
    };
    const end = (taken: boolean): void => {
      timer.clear();
      connection.stream.destroy();
      resolve(taken);
    };
    const timer = new Timer(timeout, () => end(false));
    connection.on('error', () => end(false));
    // The server answers by closing the connection, after it has passed the signal on.
    connection.once('end', () => end(sent));
    connection.once('connect', () => {
      if (!ssl) send();
      else if (sslNegotiation !== 'direct') connection.requestSsl();
    });
    connection.once('sslconnect', send);
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}
