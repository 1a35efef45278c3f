import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { pipeline, type Duplex, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { deferred, patience, withTimeout } from '../wait.js';

export interface SseEvent<Data = unknown> {
  /** As the frame had it; `undefined` when the frame had none. */
  readonly id: string | undefined;
  /** `message` when the frame named none. */
  readonly type: string;
  /** The data read as JSON; `undefined` when it is none. */
  readonly data: Data;
  /** The data as text. */
  readonly raw: string;
}

export type SseMatch = string | ((event: SseEvent) => boolean);

/** `complete`: the server ended the response; `cut`: the connection broke; `closed`: this client closed it. */
export type SseEnd = 'complete' | 'cut' | 'closed';

export interface OpenStreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Default `GET`. */
  readonly method?: string;
  /** Sent as the body, e.g. for a stream that is asked for by `POST`. */
  readonly body?: string;
  /** Longest wait for the headers, and for each later wait that names none. Milliseconds, default {@link patience}. */
  readonly timeout?: number;
}

/**
 * One request, as an EventSource would make it, but without its reconnecting: resolves when the headers are there,
 * whatever the status.
 */
export async function openStream(url: string | URL, options: OpenStreamOptions = {}): Promise<SseStream> {
  const { method = 'GET', headers = {}, body, timeout = patience } = options;
  const answered = deferred<IncomingMessage>();
  const clientRequest = request(url, {
    method,
    // A socket of its own: no test may see what another one left in a keep-alive connection.
    agent: false,
    headers: { accept: 'text/event-stream', 'cache-control': 'no-cache', ...headers },
  });
  clientRequest.on('response', answered.resolve);
  clientRequest.on('error', answered.reject);
  clientRequest.end(body);
  try {
    const response = await withTimeout(answered.promise, timeout, `headers of ${method} ${String(url)}`);
    const head = { status: response.statusCode ?? 0, headers: response.headers };
    return new SseStream(head, clientRequest, decoded(response), timeout);
  } catch (error) {
    clientRequest.destroy();
    throw error;
  }
}

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** The body, decompressed as it comes. */
function decoded(response: IncomingMessage): Readable {
  const create = decoders[response.headers['content-encoding'] ?? ''];
  // What goes wrong, the reader of the decoder is told as well.
  return create ? pipeline(response, create(), () => undefined) : response;
}

/** What a stream is read from: a request of HTTP/1, or a stream of an HTTP/2 session. */
export interface SseRequest {
  readonly closed: boolean;
  on(event: 'error', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  destroy(): unknown;
}

export interface SseHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/**
 * An open stream, read as the HTML standard says: only a `200` of type `text/event-stream` has events, an unfinished
 * frame at the end is none. Every wait is bounded and, when it fails, tells what had come.
 */
export class SseStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All events so far, whether a wait has taken them or not. */
  readonly events: SseEvent[] = [];
  /** The whole body so far. */
  raw = '';
  /** The newest `retry:`, in milliseconds. */
  retry: number | undefined;
  /** Comments so far: the heartbeats, mostly. */
  comments = 0;

  private taken = 0;
  private endedAs: SseEnd | undefined;
  private readonly over = deferred<SseEnd>();
  private readonly waiting = new Set<() => void>();

  /** @internal use {@link openStream}, or `open` of an HTTP/2 client */
  constructor(
    head: SseHead,
    private readonly clientRequest: SseRequest,
    private readonly response: Readable,
    private readonly timeout: number,
  ) {
    this.status = head.status;
    this.headers = head.headers;
    this.read();
  }

  /** The id a reconnecting client would send. */
  get lastEventId(): string | undefined {
    return this.events.findLast((event) => event.id !== undefined)?.id;
  }

  /** How the stream ended; waits for it from now on, no longer than the stream's timeout. */
  get ended(): Promise<SseEnd> {
    return withTimeout(this.over.promise, this.timeout, () => `the end of the stream; ${this.describe()}`);
  }

  get isOpen(): boolean {
    return this.endedAs === undefined;
  }

  /**
   * The next event that no wait has taken yet and that matches: the type, or a predicate. Those before it are passed
   * over. Rejects when the time is up, and at once when the stream is over without it.
   */
  async next<Data = unknown>(match?: SseMatch, timeout = this.timeout): Promise<SseEvent<Data>> {
    const what = typeof match === 'string' ? `an event of type "${match}"` : 'an event';
    const found = await this.wait(what, timeout, () => {
      const index = this.events.findIndex((event, at) => at >= this.taken && matches(event, match));
      if (index === -1) return undefined;
      this.taken = index + 1;
      return this.events[index];
    });
    return found as SseEvent<Data>;
  }

  /** The next `count` events that no wait has taken yet. */
  nextEvents(count: number, timeout = this.timeout): Promise<SseEvent[]> {
    return this.wait(`${count} events`, timeout, () => {
      if (this.events.length < this.taken + count) return undefined;
      this.taken += count;
      return this.events.slice(this.taken - count, this.taken);
    });
  }

  /** The body of an answer that is no stream, as JSON. */
  async json(): Promise<unknown> {
    await this.ended;
    return JSON.parse(this.raw) as unknown;
  }

  /** Stops reading from the socket: a client that is stuck. What is in flight still fills the kernel's buffers. */
  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  /** Drops the connection, as a closed tab does. Resolves when the socket is closed. */
  async close(): Promise<void> {
    this.finish('closed');
    if (this.clientRequest.closed) return;
    const closed = deferred();
    this.clientRequest.once('close', () => {
      closed.resolve();
    });
    this.clientRequest.destroy();
    await withTimeout(closed.promise, this.timeout, 'the close of the socket');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private read(): void {
    const decoder = new TextDecoder();
    const isStream = this.status === 200 && /^text\/event-stream\b/.test(this.headers['content-type'] ?? '');
    const parser = createParser({
      onEvent: (message) => {
        this.events.push(toEvent(message));
      },
      onRetry: (retry) => {
        this.retry = retry;
      },
      onComment: () => {
        this.comments += 1;
      },
    });
    this.response.on('data', (chunk: Buffer) => {
      const text = decoder.decode(chunk, { stream: true });
      this.raw += text;
      if (isStream) parser.feed(text);
      this.wake();
    });
    this.response.on('end', () => {
      this.finish('complete');
    });
    this.response.on('error', () => {
      this.finish('cut');
    });
    this.response.on('close', () => {
      this.finish('cut');
    });
    // A reset after the headers is told to the request as well; without a listener it would be an uncaught exception.
    this.clientRequest.on('error', () => {
      this.finish('cut');
    });
  }

  private finish(as: SseEnd): void {
    if (this.endedAs !== undefined) return;
    this.endedAs = as;
    this.over.resolve(as);
    this.wake();
  }

  private wake(): void {
    for (const look of this.waiting) look();
  }

  private async wait<T>(what: string, timeout: number, take: () => T | undefined): Promise<T> {
    const result = deferred<T>();
    const look = (): void => {
      const value = take();
      if (value !== undefined) {
        this.waiting.delete(look);
        result.resolve(value);
      } else if (this.endedAs !== undefined) {
        result.reject(new Error(`The stream is over without ${what}; ${this.describe()}`));
      }
    };
    this.waiting.add(look);
    try {
      look();
      return await withTimeout(result.promise, timeout, () => `${what}; ${this.describe()}`);
    } finally {
      this.waiting.delete(look);
    }
  }

  private describe(): string {
    const end = this.endedAs ?? 'open';
    const counts = `${this.events.length} events (${this.taken} taken), ${this.comments} comments`;
    return `status ${this.status}, ${end}, ${counts}; received so far:\n${this.raw}`;
  }
}

function matches(event: SseEvent, match: SseMatch | undefined): boolean {
  if (match === undefined) return true;
  return typeof match === 'string' ? event.type === match : match(event);
}

function toEvent(message: EventSourceMessage): SseEvent {
  return {
    id: message.id,
    type: message.event ?? 'message',
    data: parseJson(message.data),
    raw: message.data,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
