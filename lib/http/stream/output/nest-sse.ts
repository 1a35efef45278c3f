import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { RouterResponseController } from '@nestjs/core/router/router-response-controller.js';
import { type PlatformRequest, type PlatformResponse, rawRequest } from '../../http-exchange.js';
import { ManualSseStream } from '../manual-sse-stream.js';
import { NestWriter } from './nest-writer.js';
import { SseSignal } from './sse-signal.js';
import type { StreamHead } from './stream-head.js';

/** What the application has set for the answer. In Nest 12 it is read when the headers are sent. */
interface SseOptions {
  readonly statusCode?: number | (() => number);
  readonly additionalHeaders?: OutgoingHttpHeaders | (() => OutgoingHttpHeaders | undefined);
}

/** What Nest's router does with the stream that a handler of an `@Sse()` route returns. */
type Sse = (
  this: unknown,
  result: Promise<unknown>,
  response: ServerResponse,
  request: IncomingMessage,
  options?: SseOptions,
) => Promise<void>;

const { prototype } = RouterResponseController;
const nestSse = Reflect.get(prototype, 'sse') as Sse | undefined;

/** Whether streams can be served without Nest. Otherwise Nest serves them, which costs more. */
const isTaken = typeof nestSse === 'function';
if (isTaken) Reflect.set(prototype, 'sse', sse);

/**
 * To be called before Nest calls the handler of a route of this package. If the stream is one that writes for itself, and
 * no interceptor stands in between, Nest leaves the response to it.
 *
 * Nest would make an `SseStream`, an `AbortController`, a timer and several listeners for each, to find that it has nothing
 * to write. That is half the cost of opening a stream, and 4 kB of an idle one.
 *
 */
export function leaveToStream(request: PlatformRequest, response: PlatformResponse): void {
  if (isTaken) SseSignal.attach(request, rawRequest(request), response.raw !== undefined);
}

/** Whether `leaveToStream` was called for its request. */
export function isLeftToStream(request: IncomingMessage): boolean {
  return SseSignal.of(request) !== undefined;
}

/**
 * Replaces Nest's own method. What was not marked by `leaveToStream` goes to that at once; what turns out to be something
 * else than a stream of this package (an error, an interceptor's Observable) goes there as soon as it is known.
 */
function sse(
  this: unknown,
  result: Promise<unknown>,
  response: ServerResponse,
  request: IncomingMessage,
  options?: SseOptions,
): Promise<void> {
  const call = (): Promise<void> => (nestSse as Sse).call(this, result, response, request, options);
  const signal = SseSignal.of(request);
  if (!signal || response.writableEnded) return call();
  const withNest = (): Promise<void> => {
    // Before Nest pipes into the response: an interceptor may emit.
    NestWriter.of(response);
    return call();
  };
  return result.then((stream) => {
    if (!(stream instanceof ManualSseStream) || !stream.isForNest) return withNest();
    stream.serve(headOf(options, signal.hasOwnHeaders));
    return undefined;
  }, withNest);
}

function headOf(
  { statusCode = 200, additionalHeaders }: SseOptions = {},
  hasOwnHeaders: boolean,
): StreamHead {
  const status = typeof statusCode === 'function' ? statusCode() : statusCode;
  if (!hasOwnHeaders) return { status };
  return {
    status,
    headers: typeof additionalHeaders === 'function' ? additionalHeaders() : additionalHeaders,
  };
}
