import { createStreamingClient, type StreamingClient } from '../client/index.js';
import { UnreachableError, UsageError } from './errors.js';

/** The longest that nothing is heard of the server, in milliseconds. */
const MAX_SILENCE = 10_000;

/** Between two tries, in milliseconds: somebody waits in front of the terminal. */
const RETRY = { min: 200, max: 2_000 };

export interface ServerOptions {
  /** Where the routes are: `http://localhost:3000/stream`. */
  readonly url: string | undefined;
  /** Each as `Name: value`. */
  readonly headers: readonly string[];
  /** Sent as a bearer token. */
  readonly token: string | undefined;
}

/** The server whose tasks these are. What it does not answer is given up. */
export class Server {
  readonly client: StreamingClient;
  readonly #url: string;
  readonly #unreachable: Promise<never>;
  #giveUp: (error: Error) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  /** What has become of the newest attempt. */
  #newest = '';

  /** @throws UsageError */
  constructor({ url, headers, token }: ServerOptions) {
    this.#url = checkedUrl(url);
    this.#unreachable = new Promise<never>((_resolve, reject) => {
      this.#giveUp = reject;
    });
    // Whoever waits for an answer is told.
    this.#unreachable.catch(() => {});
    const authorization = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
    this.client = createStreamingClient({
      baseUrl: this.#url,
      headers: { ...authorization, ...headersOf(headers) },
      fetch: (to, init) => this.#fetch(to, init),
      retry: RETRY,
    });
  }

  /** @throws UnreachableError when the server has not answered for too long */
  async reach<T>(work: Promise<T>): Promise<T> {
    try {
      return await Promise.race([work, this.#unreachable]);
    } finally {
      this.#hear();
    }
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    this.#timer ??= setTimeout(() => {
      this.#giveUp(
        new UnreachableError(`${this.#url} has not answered for ${MAX_SILENCE / 1_000} s${this.#newest}`),
      );
    }, MAX_SILENCE);
    try {
      const response = await fetch(url, init);
      if (isAnswer(response)) this.#hear();
      else
        this.#newest = `: it answered ${response.status} with ${response.headers.get('content-type') ?? 'no type'}`;
      return response;
    } catch (error) {
      this.#newest = `: ${causeOf(error)}`;
      throw error;
    }
  }

  #hear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** A proxy in front of a server that is away answers, too. */
function isAnswer({ status, ok, headers }: Response): boolean {
  if (status === 429 || status >= 500) return false;
  return !ok || !(headers.get('content-type') ?? '').startsWith('text/html');
}

/** `fetch` says little: what it means is the cause. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? causeOf(error.cause) : error.message || error.name;
}

function checkedUrl(url: string | undefined): string {
  if (url === undefined || url === '')
    throw new UsageError(
      'Where is the server? Give --url or set STREAMING_URL, as in http://localhost:3000/stream',
    );
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(`--url is "${url}"; expected an address as http://localhost:3000/stream`);
  return url;
}

function headersOf(given: readonly string[]): Record<string, string> {
  const headers = new Headers();
  for (const text of given) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(text) ?? [];
    try {
      if (name === undefined || value === undefined) throw new TypeError('no colon');
      headers.append(name, value);
    } catch {
      throw new UsageError(`--header is "${text}"; expected "Name: value"`);
    }
  }
  return Object.fromEntries(headers);
}
