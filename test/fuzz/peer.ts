import { connect, type Socket } from 'node:net';
import { withTimeout } from '../support/wait.js';
import { type AnswerTo, type FuzzAnswer, readAnswer } from './answers.js';

/** A client that sends whatever bytes it is given, and reads the answers: on one connection, as long as that is kept. */
export class FuzzPeer {
  #text = '';
  #closed = false;
  #wake: (() => void) | undefined;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake?.();
    });
    socket.on('end', () => this.#wake?.());
    // A reset is one of the ways in which a server refuses.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async connect(port: number): Promise<FuzzPeer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    const peer = new FuzzPeer(socket);
    await withTimeout(
      new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('close', reject)),
      5_000,
      'a connection',
    );
    return peer;
  }

  /** Whether another request can be sent. */
  get isOpen(): boolean {
    return !this.#closed && !this.socket.readableEnded;
  }

  /** What was received and not read as an answer. */
  get text(): string {
    return this.#text;
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The next answer; `undefined` when the connection was closed without one. */
  async answer(to: AnswerTo, timeout = 4_000): Promise<FuzzAnswer | undefined> {
    const end = performance.now() + timeout;
    for (;;) {
      const closed = !this.isOpen;
      const read = readAnswer(this.#text, { ...to, closed });
      if (read) {
        this.#text = read.rest;
        return read.answer;
      }
      if (closed) return undefined;
      await this.#more(end);
    }
  }

  /** Settles when the server has closed its side. */
  async ended(timeout = 4_000): Promise<void> {
    const end = performance.now() + timeout;
    while (this.isOpen) await this.#more(end);
  }

  async close(how: 'reset' | 'destroy' = 'destroy'): Promise<void> {
    const end = performance.now() + 4_000;
    if (how === 'reset') this.socket.resetAndDestroy();
    else this.socket.destroy();
    while (!this.#closed) await this.#more(end);
  }

  async #more(end: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    // Heartbeats come all the time: it is the whole wait that is bounded.
    await withTimeout(
      woken,
      Math.max(0, end - performance.now()),
      () => `an answer; so far: ${JSON.stringify(this.#text.slice(0, 500))}`,
    );
  }
}
