import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { closeLater } from './open-clients.js';

/** Reads so many bytes, and then nothing until the pause is over; then the next ones. */
export function readSlowly(stream: Readable, bytes: number, pause: () => Promise<unknown>): void {
  let left = bytes;
  stream.on('data', ({ length }: Buffer) => {
    left -= length;
    if (left > 0 || stream.isPaused()) return;
    left = bytes;
    stream.pause();
    void pause().then(() => stream.resume());
  });
}

/** Passes bytes on between clients and a server, until it is told to stop: a network that stalls or breaks. */
export class Relay {
  private readonly toServer = new Set<Socket>();
  private readonly server: Server;

  private constructor(private readonly target: number) {
    this.server = createServer((client) => {
      const upstream = connect({ host: '127.0.0.1', port: this.target, noDelay: true });
      this.toServer.add(upstream);
      client.pipe(upstream);
      upstream.pipe(client);
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        socket.on('error', () => undefined);
        socket.on('close', () => other.destroy());
      }
      upstream.on('close', () => this.toServer.delete(upstream));
    });
  }

  /** Closed after the test. */
  static async open(target: number): Promise<Relay> {
    const relay = new Relay(target);
    relay.server.listen(0, '127.0.0.1');
    await once(relay.server, 'listening');
    closeLater(() => {
      relay.server.close();
      relay.cut();
    });
    return relay;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Nothing that the server sends is read any more. */
  stall(): void {
    for (const socket of this.toServer) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** What the server sends comes in slowly: so many bytes, and then nothing until the pause is over. */
  slowDown(bytes: number, pause: () => Promise<unknown>): void {
    for (const socket of this.toServer) readSlowly(socket, bytes, pause);
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.toServer) socket.resetAndDestroy();
  }
}
