import type { ResolvedOptions } from '../client.options.js';
import { type InputIssue, StreamingConnectionError, StreamingRequestError } from '../errors.js';
import { delayAfter, later, limit, until } from './waiting.js';

/** One thing that is asked of the server. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Behind the base URL, with its query. */
  readonly path: string;
  /** Of a stream: what stands in `Last-Event-ID`, `''` where nothing does. */
  readonly after?: string;
  /** JSON. */
  readonly body?: string | undefined;
  /** How much longer the answer may take than any other, in milliseconds. */
  readonly wait?: number | undefined;
  /** Its abort ends the call while it was not sent. */
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  /** Of an event stream: the stream; else what the JSON says. */
  readonly body: unknown;
}

interface ErrorBody {
  /** For inputs that Nest's own pipes refuse it is a list. */
  readonly message?: string;
  readonly code?: string;
  readonly issues?: readonly InputIssue[];
}

/** Sends requests, each with fresh headers. */
export class Transport {
  constructor(readonly options: ResolvedOptions) {}

  /** @throws TypeError for a base URL that is none, or is relative where there is no page */
  urlOf(path: string): string {
    const { location } = globalThis as { location?: { href: string } };
    return new URL(this.options.baseUrl.replace(/\/+$/, '') + path, location?.href).href;
  }

  /**
   * Asks until there is an answer.
   *
   * @throws StreamingRequestError for an answer that is none of success
   * @throws StreamingConnectionError for a `POST` without an answer, and when the tries are used up
   */
  async ask(call: Call): Promise<Answer> {
    const { signal, method, path } = call;
    const { retry } = this.options;
    const url = this.urlOf(path);
    for (let tries = 1; ; tries++) {
      try {
        return await this.send(call, new AbortController());
      } catch (error) {
        if (error instanceof StreamingRequestError || error === signal?.reason) throw error;
        if (method === 'POST' || tries >= retry.attempts) {
          throw new StreamingConnectionError(`No answer to ${method} ${url}`, { cause: error });
        }
      }
      await until(new Promise<void>((resolve) => void later(delayAfter(tries, retry), resolve)), signal);
    }
  }

  /**
   * Sends a request, and reads what is no stream. A `401` is told to the application, and the request is sent once more.
   *
   * @throws StreamingRequestError for an answer that is none of success, or no JSON
   */
  async send(call: Call, cut: AbortController): Promise<Answer> {
    for (let isLast = false; ; isLast = true) {
      try {
        return await this.#send(call, cut);
      } catch (error) {
        if (!(error instanceof StreamingRequestError) || error.status !== 401) throw error;
        await this.#tell(error, call, cut);
        if (isLast) throw error;
      }
    }
  }

  /** What `JSON.parse` with the reviver would have given. */
  revive<T>(value: T): T {
    const { reviver } = this.options;
    return reviver ? (JSON.parse(JSON.stringify(value), reviver) as T) : value;
  }

  async #tell(error: StreamingRequestError, { signal }: Call, cut: AbortController): Promise<void> {
    const tell = async (): Promise<unknown> => this.options.onUnauthorized?.(error);
    try {
      await until(until(tell(), cut.signal), signal);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw Object.assign(error, { cause });
    }
  }

  async #send(call: Call, cut: AbortController): Promise<Answer> {
    const { method, path, after, body, signal, wait = 0 } = call;
    const { headers, credentials, openTimeout, fetch = globalThis.fetch } = this.options;
    const url = this.urlOf(path);
    const stop = limit(openTimeout + wait, cut);
    try {
      const given = async (): Promise<HeadersOption> => (typeof headers === 'function' ? headers() : headers);
      const sent = new Headers(await until(until(given(), cut.signal), signal));
      sent.set('accept', after === undefined ? 'application/json' : 'text/event-stream');
      if (after) sent.set('last-event-id', after);
      if (body !== undefined) sent.set('content-type', 'application/json');
      const init = {
        method,
        headers: sent,
        // Chromium has a second request for a URL wait for the first, where its cache may take the answer.
        cache: 'no-store',
        signal: cut.signal,
        body,
        credentials,
      } as RequestInit;
      const response = await until(fetch(url, init), cut.signal);
      const { ok, status } = response;
      if (ok && response.headers.get('content-type')?.startsWith('text/event-stream')) {
        return { status, body: response.body };
      }
      const text = await until(response.text(), cut.signal);
      const read = parse(text || 'null');
      if (ok && read !== undefined) return { status, body: read };
      const { message, code, issues } = (read ?? {}) as ErrorBody;
      const what = `${method} ${url} answered ${status}`;
      // What is said without a code comes from elsewhere, so it may be the URL that is wrong.
      const said = message ? (code ? message : `${what}: ${message}`) : what;
      const retryAfter = retryAfterOf(response.headers.get('retry-after'));
      throw new StreamingRequestError(said, { url, status, code, issues, retryAfter });
    } finally {
      stop();
    }
  }
}

type HeadersOption = Readonly<Record<string, string>> | undefined;

/** What is `undefined` is left out. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams(JSON.parse(JSON.stringify(values)) as Record<string, string>).toString();
  return query && `?${query}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds, or a date; 0 for anything else. */
function retryAfterOf(value: string | null): number {
  return Math.max(0, Number(value) * 1_000 || Date.parse(value ?? '') - Date.now() || 0);
}
