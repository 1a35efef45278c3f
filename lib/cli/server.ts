import { resolveOptions } from '../client/client.options.js';
import { Transport } from '../client/http/transport.js';
import { createStreamingClient, type StreamingClient, type StreamingClientOptions } from '../client/index.js';
import { UnreachableError, UsageError } from './errors.js';

/** The longest that nothing is heard of the server, in milliseconds, beside what it was asked to wait. */
const MAX_SILENCE = 10_000;

/** The longest that the server may be asked to wait, in milliseconds. */
export const MAX_WAIT = 30_000;

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
  readonly #transport: Transport;
  readonly #url: string;
  readonly #unreachable: Promise<never>;
  #giveUp: (error: Error) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  /** What has become of the newest attempt. */
  #newest = '';
  #wait = 0;

  /** @throws UsageError */
  constructor({ url, headers, token }: ServerOptions) {
    this.#url = checkedUrl(url);
    this.#unreachable = new Promise<never>((_resolve, reject) => {
      this.#giveUp = reject;
    });
    // Whoever waits for an answer is told.
    this.#unreachable.catch(() => {});
    const options: StreamingClientOptions = {
      baseUrl: this.#url,
      headers: { ...authorizationOf(token), ...headersOf(headers) },
      openTimeout: MAX_SILENCE + MAX_WAIT,
      fetch: (to, init) => this.#fetch(to, init),
      retry: RETRY,
    };
    this.client = createStreamingClient(options);
    this.#transport = new Transport(resolveOptions(options));
  }

  /**
   * @param work asks the server
   * @param wait how long the server is asked to wait before it answers, in milliseconds
   * @throws UnreachableError when the server has not answered for too long
   */
  async reach<T>(work: () => Promise<T>, wait = 0): Promise<T> {
    this.#wait = wait;
    try {
      return await Promise.race([work(), this.#unreachable]);
    } finally {
      this.#hear();
    }
  }

  /**
   * What a `GET` answers, for which the client has no method.
   *
   * @param path behind the URL
   * @throws StreamingRequestError for an answer that is none of success; UnreachableError
   */
  get(path: string): Promise<unknown> {
    return this.reach(async () => (await this.#transport.ask({ method: 'GET', path })).body);
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const most = MAX_SILENCE + this.#wait;
    this.#timer ??= setTimeout(() => {
      this.#giveUp(
        new UnreachableError(`${this.#url} has not answered for ${most / 1_000} s${this.#newest}`),
      );
    }, most);
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
  const { username, password } = new URL(url);
  // Nor is it shown.
  if (username !== '' || password !== '')
    throw new UsageError('--url has a user or a password; give them with --header "Authorization: …"');
  return url;
}

function authorizationOf(token = ''): Record<string, string> {
  if (token === '') return {};
  const authorization = `Bearer ${token}`;
  try {
    return Object.fromEntries(new Headers({ authorization }));
  } catch {
    throw new UsageError('STREAMING_TOKEN cannot be sent in a header: has it a line break?');
  }
}

function headersOf(given: readonly string[]): Record<string, string> {
  const headers = new Headers();
  for (const [at, text] of given.entries()) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(text) ?? [];
    try {
      if (name === undefined || value === undefined) throw new TypeError('no colon');
      headers.append(name, value);
    } catch {
      // It may be a secret.
      throw new UsageError(`--header number ${at + 1} is no header; expected "Name: value"`);
    }
  }
  return Object.fromEntries(headers);
}
