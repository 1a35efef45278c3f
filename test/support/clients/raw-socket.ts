import { connect, type Socket } from 'node:net';
import { deferred, patience, withTimeout } from '../wait.js';

/** A client that speaks bytes: for what must be cut, paused or malformed at one exact place. */
export class RawSocket {
  /** All that came so far, as latin1: one character is one byte. */
  received = '';
  /** How the other side went: with a FIN, with a reset, or not yet. */
  went: 'ended' | 'reset' | undefined;
  private readonly over = deferred();
  private readonly waiting = new Set<() => void>();

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.wake();
    });
    socket.on('end', () => {
      this.went ??= 'ended';
    });
    socket.on('error', () => {
      this.went ??= 'reset';
    });
    socket.on('close', () => {
      this.over.resolve();
      this.wake();
    });
  }

  static async connect(port: number): Promise<RawSocket> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const connected = deferred();
    socket.once('connect', connected.resolve);
    socket.once('error', connected.reject);
    await withTimeout(connected.promise, patience, 'a connection');
    return new RawSocket(socket);
  }

  /** Connects and asks for a path. */
  static async get(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawSocket> {
    const client = await RawSocket.connect(port);
    client.request('GET', path, headers);
    return client;
  }

  /** Settles when the connection is gone. */
  get closed(): Promise<void> {
    return withTimeout(this.over.promise, patience, () => `the close of the connection; ${this.describe()}`);
  }

  get isClosed(): boolean {
    return this.socket.closed;
  }

  request(method: string, path: string, headers: Readonly<Record<string, string>> = {}, body = ''): void {
    const all = { Host: '127.0.0.1', Accept: 'text/event-stream', ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Waits until what was received holds a text, or passes a test. */
  async until(match: string | ((received: string) => boolean), timeout = patience): Promise<void> {
    const found = deferred();
    const look = (): void => {
      if (typeof match === 'string' ? this.received.includes(match) : match(this.received)) found.resolve();
      else if (this.socket.closed)
        found.reject(new Error(`Closed without ${String(match)}; ${this.describe()}`));
    };
    this.waiting.add(look);
    look();
    try {
      await withTimeout(found.promise, timeout, () => `${String(match)}; ${this.describe()}`);
    } finally {
      this.waiting.delete(look);
    }
  }

  /** The body so far, with the chunks of a chunked answer put together. */
  get body(): string {
    return bodyOf(this.received);
  }

  /** The status of the first answer. */
  get status(): number {
    return Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(this.received)?.[1] ?? 0);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Drops the connection: with a reset, or with a FIN. */
  async close(how: 'reset' | 'fin' = 'fin'): Promise<void> {
    if (this.socket.closed) return;
    if (how === 'reset') this.socket.resetAndDestroy();
    else this.socket.destroy();
    await this.closed;
  }

  private describe(): string {
    const { length } = this.received;
    return `${this.went ?? 'open'}; received ${length} bytes, the last of them:\n${this.received.slice(-2_000)}`;
  }

  private wake(): void {
    for (const look of this.waiting) look();
  }
}

/** The body of an answer, as far as it is there. One character is one byte. */
export function bodyOf(received: string): string {
  const at = received.indexOf('\r\n\r\n');
  if (at === -1) return '';
  const body = received.slice(at + 4);
  return /\r\ntransfer-encoding: chunked\r\n/i.test(received.slice(0, at + 2)) ? joinChunks(body) : body;
}

function joinChunks(text: string): string {
  let joined = '';
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) break;
    const length = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!Number.isFinite(length) || length === 0) break;
    joined += text.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 2 + length + 2;
  }
  return joined;
}
