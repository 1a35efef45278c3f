import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { deferred, patience, withTimeout } from '../wait.js';
import { closeLater } from './open-clients.js';
import { SseStream } from './sse.js';

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A session without TLS. What is open in it is gone with it, after the test at the latest. */
export class Http2Client {
  private readonly over = deferred();

  private constructor(readonly session: ClientHttp2Session) {
    session.once('close', () => this.over.resolve());
  }

  /**
   * @param window how much the server may send of a stream before it is read; Node's default is 65 535
   */
  static async connect(origin: string, window?: number): Promise<Http2Client> {
    const settings = window === undefined ? {} : { initialWindowSize: window };
    const session = connect(origin, { settings });
    // A session that the server destroys tells each of its streams.
    session.on('error', () => undefined);
    const client = new Http2Client(session);
    closeLater(() => client.destroy());
    const connected = deferred();
    session.once('remoteSettings', () => connected.resolve());
    await withTimeout(connected.promise, patience, `a session with ${origin}`);
    return client;
  }

  /** One request, as an EventSource would make it. */
  async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Http2SseStream> {
    const [stream, head] = await this.request('GET', url, { accept: 'text/event-stream', ...headers });
    return new Http2SseStream(stream, head);
  }

  /**
   * One request, and the whole answer to it.
   *
   * @param body sent without a `Content-Length`; of an empty one there is a frame without data
   */
  async call(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): Promise<Http2Answer> {
    const [stream, head] = await this.request(method, url, headers, body);
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await withTimeout(closeOf(stream), patience, `the answer to ${method} ${url}`);
    return { status: head[':status'] ?? 0, headers: head, text };
  }

  /** Drops the connection, with all that is open in it. */
  async destroy(): Promise<void> {
    this.session.destroy();
    await withTimeout(this.over.promise, patience, 'the close of the session');
  }

  private async request(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<[ClientHttp2Stream, IncomingHttpHeaders & { ':status'?: number }]> {
    const { pathname, search } = new URL(url);
    const stream = this.session.request(
      { ':method': method, ':path': pathname + search, ...headers },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    const answered = deferred<IncomingHttpHeaders & { ':status'?: number }>();
    stream.once('response', answered.resolve);
    stream.on('error', answered.reject);
    stream.once('close', () =>
      answered.reject(new Error(`Closed without an answer, code ${stream.rstCode}`)),
    );
    return [stream, await withTimeout(answered.promise, patience, `headers of ${method} ${url}`)];
  }
}

/** A stream of a session, read as events. */
export class Http2SseStream extends SseStream {
  constructor(
    readonly stream: ClientHttp2Stream,
    head: IncomingHttpHeaders & { ':status'?: number },
  ) {
    super({ status: head[':status'] ?? 0, headers: head }, stream, stream, patience);
  }

  /** Settles when the stream is gone, with the code of its reset: 0 for none. */
  async closed(): Promise<number> {
    await withTimeout(closeOf(this.stream), patience, 'the close of the stream');
    return this.stream.rstCode;
  }
}

async function closeOf(stream: ClientHttp2Stream): Promise<void> {
  if (stream.closed && stream.destroyed) return;
  await new Promise<void>((resolve) => stream.once('close', resolve));
}
