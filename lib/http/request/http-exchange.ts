import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** The request and response of a platform, Express's or Fastify's: the parts that both have. */
export interface PlatformRequest {
  readonly headers: IncomingHttpHeaders;
  readonly method: string;
  readonly url?: string;
  /** The URL as the client sent it. */
  readonly originalUrl?: string;
  /** What a body parser of the application left, if one has read the body. */
  readonly body?: unknown;
  readonly raw?: IncomingMessage;
}

export interface PlatformResponse {
  /** Express and Fastify both set a header so. */
  header(name: string, value: string): unknown;
  status(code: number): unknown;
  readonly raw?: ServerResponse;
  /** Fastify's: it takes its timers from the response, and sends nothing itself. */
  hijack?(): unknown;
}

/** The request of Node's own server behind a platform's. */
export function rawRequest(request: PlatformRequest): IncomingMessage {
  return request.raw ?? (request as unknown as IncomingMessage);
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

/** No cache may keep an answer that is true for a moment only: a `404` of a task that starts later, a snapshot. */
export function forbidStoring(response: PlatformResponse): void {
  // An interceptor that subscribes again has the handler called again, for a stream whose headers are out.
  if (!rawResponse(response).headersSent) response.header('Cache-Control', 'no-store');
}
