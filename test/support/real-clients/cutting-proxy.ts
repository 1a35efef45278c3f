import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { closeLater } from '../clients/open-clients.js';
import { bodyOf } from '../clients/raw-socket.js';

/** What becomes of the answer to a request. */
export interface Delivery {
  /** The connection is cut behind so many bytes of the answer, its head included. */
  readonly cutAfter?: number;
  /** Default `reset`, as of a network that fails; `fin` is that of a proxy that closes. */
  readonly how?: 'reset' | 'fin';
  /** Hands the bytes on in these pieces, each in a segment of its own. */
  readonly split?: (bytes: Buffer) => readonly Buffer[];
}

/** One request and what of its answer was handed on. */
export class Exchange {
  /** Latin-1: one character is one byte. */
  delivered = '';
  isCut = false;

  constructor(
    /** As it was asked for: path and query. */
    readonly path: string,
    /** `undefined` for an empty one too. */
    readonly lastEventId: string | undefined,
    readonly delivery: Delivery,
  ) {}

  /** The body as far as it was handed on. */
  get body(): string {
    return bodyOf(this.delivered);
  }

  /** The heartbeats among it. */
  get heartbeats(): number {
    return this.body.match(/^:$/gm)?.length ?? 0;
  }
}

/** Decides what becomes of a request's answer. `earlier`: those of the same path before it. */
export type Deliver = (path: string, earlier: readonly Exchange[]) => Delivery;

/**
 * How long a client has to take what it got, before its connection is cut and before the next piece comes. Milliseconds.
 * Nobody tells when a process has read from its socket: the system's table of sockets does, but too slowly for every byte.
 */
const beforeCut = 4;
const beforeNext = 1;

/**
 * Stands between clients and a server of 127.0.0.1 and hands bytes on as the test says. Made for requests without a body
 * that follow each other, as those of an SSE client do.
 */
export class CuttingProxy {
  readonly #byPath = new Map<string, Exchange[]>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(
    readonly target: number,
    private readonly deliver: Deliver,
  ) {
    this.#server = createServer({ noDelay: true }, (client) => this.#serve(client));
  }

  /** Closed after the test. */
  static async open(target: number, deliver: Deliver): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target, deliver);
    await new Promise<void>((resolve) => {
      proxy.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve);
    });
    closeLater(() => proxy.#close());
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All that was asked of one path and query, in order. */
  of(path: string): readonly Exchange[] {
    return this.#byPath.get(path) ?? [];
  }

  async #close(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(client: Socket): void {
    const server = connect({ port: this.target, host: '127.0.0.1', noDelay: true });
    let exchange: Exchange | undefined;
    let asked = '';
    client.on('data', (bytes: Buffer) => {
      asked += bytes.toString('latin1');
      if (!asked.endsWith('\r\n\r\n')) return;
      exchange = this.#begin(asked);
      server.write(asked, 'latin1');
      asked = '';
    });
    // One piece after the other, however long each one takes.
    let handing = Promise.resolve();
    server.on('data', (bytes: Buffer) => {
      const current = exchange;
      handing = handing.then(() => (current ? this.#handOn(client, current, bytes) : undefined));
    });
    server.on('end', () => {
      handing = handing.then(() => void client.end());
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (socket === client) other.destroy();
        else handing = handing.then(() => void other.end());
      });
    }
  }

  #begin(head: string): Exchange {
    const path = /^[A-Z]+ (\S+) /.exec(head)?.[1] ?? '';
    const lastEventId = /^last-event-id: *(\S+)/im.exec(head)?.[1];
    const earlier = this.#byPath.get(path) ?? [];
    const exchange = new Exchange(path, lastEventId, this.deliver(path, earlier));
    this.#byPath.set(path, [...earlier, exchange]);
    return exchange;
  }

  async #handOn(client: Socket, exchange: Exchange, bytes: Buffer): Promise<void> {
    const { cutAfter = Infinity, how = 'reset', split } = exchange.delivery;
    const rest = bytes.subarray(0, Math.max(0, cutAfter - exchange.delivered.length));
    for (const piece of split ? split(rest) : [rest]) {
      if (client.destroyed) return;
      await new Promise((resolve) => {
        client.write(piece, resolve);
      });
      if (split) await delay(beforeNext);
      exchange.delivered += piece.toString('latin1');
    }
    if (exchange.isCut || exchange.delivered.length < cutAfter) return;
    exchange.isCut = true;
    await delay(beforeCut);
    if (how === 'reset') client.resetAndDestroy();
    else client.destroy();
  }
}
