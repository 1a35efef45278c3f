import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** The request and response of a platform, Express's or Fastify's: the parts that both have. */
export interface PlatformRequest {
  readonly headers: IncomingHttpHeaders;
  readonly method: string;
  readonly url?: string;
  readonly originalUrl?: string;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly raw?: IncomingMessage;
}

export interface PlatformResponse {
  /** Express and Fastify both set a header so. */
  header(name: string, value: string): unknown;
  status(code: number): unknown;
  readonly raw?: ServerResponse;
}

/** The response of Node's own server behind a platform's. */
export function rawResponse(response: PlatformResponse): ServerResponse {
  return response.raw ?? (response as unknown as ServerResponse);
}

/** Takes the ETag from a `204`: Express makes one of the body that Nest hands it, and then drops that body. */
export function leaveNoContentUntagged(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
  response.writeHead = (...head: unknown[]) => {
    if (response.statusCode === 204) response.removeHeader('ETag');
    return writeHead(...head);
  };
}

/** Whether a connection carries this response alone, and those before it: no stream of a session. */
export function isHttp1(response: ServerResponse): boolean {
  return response.req.httpVersionMajor === 1;
}

/** Whether the client names `text/event-stream`: an EventSource does, which never comes back after an error status. */
export function acceptsEventStream({ headers }: PlatformRequest): boolean {
  return /(?:^|,)\s*text\/event-stream\s*(?:;|,|$)/i.test(headers.accept ?? '');
}

/** Where the client was, as far as it says so; an empty id counts as none. */
export function lastEventIdOf({ headers, query }: PlatformRequest): string | undefined {
  const header = headers['last-event-id'];
  if (header !== undefined && header.length > 0) return String(header);
  const { lastEventId } = (query ?? {}) as { lastEventId?: unknown };
  if (lastEventId === undefined || lastEventId === '') return undefined;
  // Given twice it is an array: no position, but no silent replay either.
  return typeof lastEventId === 'string' ? lastEventId : 'doubled';
}
