import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Stands between a client and a server, and can be told to take no more connections: it accepts them and is silent. What is
 * open can be told to be silent, too.
 */
export class SilentProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  accepts = true;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      if (!this.accepts) return;
      const upstream = connect(target.port, target.host);
      upstream.on('error', () => {});
      this.#sockets.add(upstream);
      socket.pipe(upstream).pipe(socket);
    });
  }

  /** @returns its port */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  /** Nothing comes over the connections that are open, in neither direction, and nobody is told. */
  hush(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
