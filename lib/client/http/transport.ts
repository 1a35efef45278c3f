import type { ResolvedOptions } from '../client.options.js';
import { type InputIssue, StreamingConnectionError, StreamingRequestError } from '../errors.js';
import type { Progress } from '../../task/task-snapshot.js';
import type { WireSnapshot } from '../task-types.js';
import { Retries } from './retries.js';
import { later, until } from './waiting.js';

/** One thing that is asked of the server. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Behind the base URL, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string | undefined;
  /** How much longer the answer may take than any other, in milliseconds. */
  readonly wait?: number;
  /** Its abort ends the call while it was not sent. */
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface ErrorBody {
  readonly message?: unknown;
  readonly code?: string;
  readonly issues?: readonly InputIssue[];
}

/** Sends requests, each with fresh headers. */
export class Transport {
  constructor(readonly options: ResolvedOptions) {}

  /** @throws TypeError for a base URL that is none, or is relative where there is no page */
  urlOf({ path }: Call): string {
    const base = this.options.baseUrl.replace(/\/+$/, '');
    const { location } = globalThis as { location?: { href: string } };
    return new URL(base + path, location?.href).href;
  }

  /**
   * Asks until there is an answer, and reads it.
   *
   * @throws StreamingRequestError for an answer that is none of success
   * @throws StreamingConnectionError for a `POST` without an answer, and when the tries are used up
   */
  async ask(call: Call): Promise<Answer> {
    const { signal, method } = call;
    const url = this.urlOf(call);
    const retries = new Retries(this.options.retry);
    for (;;) {
      signal?.throwIfAborted();
      retries.tries += 1;
      const cut = new AbortController();
      try {
        return await this.askOnce(call, cut);
      } catch (error) {
        if (error instanceof StreamingRequestError) throw error;
        if (signal?.aborted && error === signal.reason) throw error;
        if (method === 'POST' || retries.usedUp) {
          throw new StreamingConnectionError(`No answer to ${method} ${url}`, { cause: error });
        }
      }
      await until(new Promise<void>((resolve) => void later(retries.delay(false, 0), resolve)), signal);
    }
  }

  /** @throws StreamingRequestError for an answer that is none of success, or no JSON */
  async askOnce(call: Call, cut: AbortController): Promise<Answer> {
    const response = await this.send(call, cut);
    const stop = this.#limit(cut, 0);
    try {
      const text = await until(response.text(), cut.signal);
      const body = text === '' ? null : parse(text);
      if (response.ok && body !== undefined) return { status: response.status, body };
      throw refusal(call, this.urlOf(call), response, body);
    } finally {
      stop();
    }
  }

  /**
   * Gives the answer when it begins. A `401` is told to the application, and the request is sent once more.
   *
   * @throws StreamingRequestError for two `401` in a row
   */
  async send(call: Call, cut: AbortController): Promise<Response> {
    for (let refused = false; ; refused = true) {
      const response = await this.#sendOnce(call, cut);
      if (response.status !== 401) return response;
      const error = await this.refusal(call, response, cut);
      await this.#tell(error, call, cut);
      if (refused) throw error;
    }
  }

  async #tell(error: StreamingRequestError, { signal }: Call, cut: AbortController): Promise<void> {
    const tell = async (): Promise<unknown> => this.options.onUnauthorized?.(error);
    try {
      await until(until(tell(), cut.signal), signal);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      error.cause = cause;
      throw error;
    }
  }

  /** What `JSON.parse` with the reviver would have given. */
  revive(value: unknown): unknown {
    const { reviver } = this.options;
    return reviver && value !== undefined ? (JSON.parse(JSON.stringify(value), reviver) as unknown) : value;
  }

  /** Of a snapshot only what the task itself has given is revived. */
  snapshotOf(body: unknown): WireSnapshot {
    const snapshot = body as WireSnapshot;
    if (!this.options.reviver) return snapshot;
    const [finalValue, progress, state] = [snapshot.finalValue, snapshot.progress, snapshot.state].map(
      (value) => this.revive(value),
    );
    return { ...snapshot, finalValue, progress: progress as Progress | null, state };
  }

  /** What is wrong, of an answer that was not read yet. */
  async refusal(call: Call, response: Response, cut: AbortController): Promise<StreamingRequestError> {
    const stop = this.#limit(cut, 0);
    try {
      const text = await until(response.text(), cut.signal);
      return refusal(call, this.urlOf(call), response, parse(text));
    } finally {
      stop();
    }
  }

  async #sendOnce(call: Call, cut: AbortController): Promise<Response> {
    const { options } = this;
    const { method, body, signal, wait = 0 } = call;
    signal?.throwIfAborted();
    const withdraw = (): void => cut.abort(signal?.reason);
    signal?.addEventListener('abort', withdraw);
    const stop = this.#limit(cut, wait);
    try {
      const { headers } = options;
      const given = await until(
        Promise.resolve(typeof headers === 'function' ? headers() : headers),
        cut.signal,
      );
      signal?.removeEventListener('abort', withdraw);
      const own = { accept: 'application/json', ...call.headers };
      const sent = new Headers(given);
      for (const [name, value] of Object.entries(own)) sent.set(name, value);
      if (body !== undefined) sent.set('content-type', 'application/json');
      const init = {
        method,
        headers: sent,
        // Chromium has a second request for a URL wait for the first, where its cache may take the answer.
        cache: 'no-store',
        signal: cut.signal,
        ...(body !== undefined && { body }),
        ...(options.credentials && { credentials: options.credentials }),
      };
      return await until((options.fetch ?? globalThis.fetch)(this.urlOf(call), init), cut.signal);
    } finally {
      stop();
      signal?.removeEventListener('abort', withdraw);
    }
  }

  #limit(cut: AbortController, wait: number): () => void {
    const ms = this.options.openTimeout + wait;
    return later(ms, () => cut.abort(new Error(`No answer within ${ms} ms`)));
  }
}

/** What is `undefined` is left out. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : `${key}=${encodeURIComponent(value)}`,
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(
  { method }: Call,
  url: string,
  { status, headers }: Response,
  body: unknown,
): StreamingRequestError {
  const { message, code, issues } = (body ?? {}) as ErrorBody;
  const said = Array.isArray(message) ? message.join(', ') : message;
  const what = `${method} ${url} answered ${status}`;
  const text = typeof said === 'string' ? (code === undefined ? `${what}: ${said}` : said) : what;
  const retryAfter = retryAfterOf(headers.get('retry-after'));
  return new StreamingRequestError(text, { url, status, code, issues, retryAfter });
}

/** Seconds, or a date. */
function retryAfterOf(value: string | null): number {
  if (value === null) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}
