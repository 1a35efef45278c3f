import type { ServerResponse } from 'node:http';
import { Timer } from '../../cancellation/time/timer.js';
import { isHttp1, type PlatformResponse, rawResponse } from '../../http/request/http-exchange.js';
import { abortResponse } from '../../http/stream/output/abort-response.js';
import { endConnection, isConnection } from '../../http/stream/output/end-connection.js';

/** Time between two heartbeats, in milliseconds. */
const HEARTBEAT = 15_000;
/** How many heartbeats a client may leave untaken. */
const MAX_MISSED = 2;
/** How long a client may take for the last bytes, in milliseconds. */
const LAST_BYTES = 1_000;

/** Fastify's response knows headers that hooks have set. */
interface WithHeaders extends PlatformResponse {
  getHeaders?(): Record<string, number | string | string[] | undefined>;
}

interface Flushing {
  flush?(): void;
}

/**
 * Writes a stream of messages. Who has not taken the last one is sent nothing more: `isReady` says so, and `onReady` is called when it
 * is over. So what waits for a slow client is made when it can be sent, and never piles up.
 */
export class EventWriter {
  readonly #response: ServerResponse;
  readonly #isStream: boolean;
  #heartbeat: Timer | undefined;
  #missed = 0;
  #isBlocked = false;
  #isOver = false;
  onReady: (() => void) | undefined;
  /** Called before the application ends the stream: for what there is still to say. */
  onClosing: (() => void) | undefined;
  onEnd: (() => void) | undefined;

  /** @param onOver called when it has ended, for whatever reason */
  constructor(
    response: WithHeaders,
    type: string,
    private readonly onOver: () => void,
  ) {
    const raw = rawResponse(response);
    this.#response = raw;
    this.#isStream = type === 'text/event-stream';
    for (const [name, value] of Object.entries(response.hijack ? (response.getHeaders?.() ?? {}) : {})) {
      if (value !== undefined) raw.setHeader(name, value);
    }
    response.hijack?.();
    raw.on('close', () => this.#finish());
    raw.on('error', () => this.#finish());
    raw.on('drain', () => {
      this.#isBlocked = false;
      this.#missed = 0;
      if (!this.#isOver) this.onReady?.();
    });
    raw.writeHead(200, {
      'Content-Type': type,
      // A proxy or `compression` that gathers it would hold it up.
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no',
    });
    raw.flushHeaders();
    this.#beat();
  }

  get isReady(): boolean {
    return !this.#isBlocked && !this.#isOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @param json one line */
  event(type: string, json: string): void {
    this.#write(`event: ${type}\ndata: ${json}\n\n`);
  }

  line(json: string): void {
    this.#write(`${json}\n`);
  }

  /** Who does not read is cut off a little later: it would hold up the server's close. */
  end(): void {
    if (this.#isOver) return;
    this.#finish();
    if (!this.#response.destroyed) {
      const cut = new Timer(LAST_BYTES, () => abortResponse(this.#response)).unref();
      this.#response.once('close', () => cut.clear());
    }
    this.#response.end();
  }

  /** Ends it, and its connection: kept alive, it would hold up the server's close. */
  close(): void {
    const { socket } = this.#response;
    if (socket && isHttp1(this.#response) && isConnection(socket)) {
      this.#response.once('close', () => endConnection(socket, () => {}));
    }
    this.end();
  }

  #write(text: string): void {
    if (this.#isOver) return;
    this.#isBlocked = !this.#response.write(text);
    (this.#response as Flushing).flush?.();
  }

  #beat(): void {
    this.#heartbeat = new Timer(HEARTBEAT, () => {
      if (this.#isBlocked && ++this.#missed > MAX_MISSED) {
        this.#response.destroy();
        return;
      }
      if (!this.#isBlocked && this.#isStream) this.event('beat', '{}');
      this.#beat();
    }).unref();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#heartbeat?.clear();
    this.onEnd?.();
    this.onOver();
  }
}
