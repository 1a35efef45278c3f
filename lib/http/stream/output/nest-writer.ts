import type { ServerResponse } from 'node:http';
import type { MessageEvent } from '@nestjs/common';
import { isNestSseStream, type NestSseStream } from '../../../internals/nest-internals.js';

/** Writes the stream in Nest's place. */
export interface NestReceiver {
  /** Takes what Nest is about to write: what an interceptor emits, or Nest itself. */
  receive(message: MessageEvent): void;
}

/** How often we look whether the headers are out, where Nest's stream is not known. In milliseconds. */
const POLL_INTERVAL = 1;

const writers = new WeakMap<ServerResponse, NestWriter>();

/**
 * Nest's side of a stream. Nest sends the headers and ends the response. What it would write in between goes to the
 * receiver instead: Nest numbers what interceptors emit, and those numbers would be taken for positions of the log.
 */
export class NestWriter {
  #source: NestSseStream | undefined;
  #receiver: NestReceiver | undefined;
  /** What came before the receiver began to write. */
  #early: MessageEvent[] | undefined = [];
  #onHeaders: (() => void) | undefined;

  constructor(private readonly response: ServerResponse) {
    response.once('pipe', (source: unknown) => this.#take(source));
  }

  /** The writer of this response. It must be asked for once before Nest pipes into the response. */
  static of(response: ServerResponse): NestWriter {
    let writer = writers.get(response);
    if (!writer) {
      writer = new NestWriter(response);
      writers.set(response, writer);
    }
    return writer;
  }

  /** The one of this response, if it was asked for before. */
  static find(response: ServerResponse): NestWriter | undefined {
    return writers.get(response);
  }

  /** Whether Nest has piped its stream already. It does so before it calls the handler only if there are interceptors. */
  get hasBegun(): boolean {
    return this.#source !== undefined;
  }

  /** From now on the stream is this receiver's, not that of one before. */
  attach(receiver: NestReceiver): void {
    this.#receiver = receiver;
    this.#early ??= [];
  }

  /** The receiver has begun to write: it gets what has come, and what comes. */
  release(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.#receiver?.receive(message);
  }

  /** Calls back when the headers are out, unless it is over by then. Nothing may be written before. */
  onceHeadersAreSent(isOver: () => boolean, callback: () => void): void {
    const call = (): void => {
      if (!isOver()) callback();
    };
    if (this.response.headersSent) call();
    else if (this.#source) this.#onHeaders = call;
    else this.#poll(isOver, callback);
  }

  /** Sends the headers now. Only where no interceptor may still set one, or fail. */
  sendHeaders(): void {
    this.#source?.commitHeaders();
  }

  /** Ends the response, whatever an interceptor still waits for. Does nothing for a receiver that was replaced. */
  end(receiver: NestReceiver): void {
    const source = this.#source;
    if (source && receiver === this.#receiver && !source.writableEnded) source.end();
  }

  #take(source: unknown): void {
    if (!isNestSseStream(source)) return;
    this.#source = source;
    const commit = source.commitHeaders.bind(source);
    source.commitHeaders = () => {
      commit();
      const onHeaders = source.headersCommitted ? this.#onHeaders : undefined;
      if (!onHeaders) return;
      this.#onHeaders = undefined;
      onHeaders();
    };
    source.writeMessage = (message, written) => {
      if (this.#early) this.#early.push(message);
      else this.#receiver?.receive(message);
      process.nextTick(written);
    };
  }

  /** A route of the application's own with interceptors: Nest has piped before this package was called. */
  #poll(isOver: () => boolean, callback: () => void): void {
    const check = (): void => {
      if (isOver()) return;
      if (this.response.headersSent) callback();
      else setTimeout(check, POLL_INTERVAL);
    };
    // A turn later than the timer that Nest sets when `subscribe` returns.
    queueMicrotask(() => setTimeout(check, 0));
  }
}
