import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** What a page has. */
export interface Page {
  readonly words: number;
  /** Paths on the same site. */
  readonly links: readonly string[];
}

/** A page could not be read. */
export class PageError extends Error {
  override readonly name = 'PageError';

  /** @param temporary whether it may be better the next time */
  constructor(
    message: string,
    readonly temporary: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Reads the pages of one site over connections of its own, which are closed with it. */
export class PageClient implements Disposable {
  readonly #agent: Agent;
  readonly #origin: string;
  readonly #userAgent: string;

  constructor(origin: string, { connections, userAgent }: { connections: number; userAgent: string }) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#origin = origin;
    this.#userAgent = userAgent;
  }

  /** @throws PageError; `signal.reason` */
  async get(path: string, signal: AbortSignal): Promise<Page> {
    const { status, body } = await this.#request(path, signal);
    if (status !== 200) throw new PageError(`${status} ${body}`, status >= 500);
    return { words: wordsIn(body), links: this.#linksIn(body) };
  }

  async #request(path: string, signal: AbortSignal): Promise<{ status: number; body: string }> {
    const headers = { 'user-agent': this.#userAgent };
    const sent = request(new URL(path, this.#origin), { agent: this.#agent, headers, signal });
    // What goes wrong after the headers is told to the response too.
    sent.on('error', () => {});
    sent.end();
    try {
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      return { status: response.statusCode ?? 0, body: await text(response) };
    } catch (error) {
      // A response that is given up fails as one whose connection broke: what counts is the signal.
      signal.throwIfAborted();
      throw new PageError('The connection broke', true, { cause: error });
    }
  }

  #linksIn(html: string): string[] {
    return [...html.matchAll(/href="([^"]*)"/g)]
      .map(([, href]) => new URL(href ?? '', this.#origin))
      .filter(({ origin }) => origin === this.#origin)
      .map(({ pathname }) => pathname);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function wordsIn(html: string): number {
  return html.replaceAll(/<[^>]*>/g, ' ').match(/\S+/g)?.length ?? 0;
}
