import { replaceSse, type Sse, type SseOptions } from '../../../internals/nest-internals.js';
import { type PlatformRequest, type PlatformResponse, rawRequest } from '../../request/http-exchange.js';
import { StreamObservable } from '../stream-observable.js';
import { NestWriter } from './nest-writer.js';
import { SseSignal } from './sse-signal.js';
import type { StreamHead } from './stream-head.js';

/** Whether streams can be served without Nest. */
const isTaken = replaceSse(serveOwnStreams);

/**
 * To be called before Nest calls the handler of a route of this package. If the stream is one that writes for itself, and
 * no interceptor stands in between, Nest leaves the response to it.
 *
 * Nest would make an `SseStream`, an `AbortController`, a timer and several listeners for each, to find that it has nothing
 * to write. That is half the cost of opening a stream, and 4 kB of an idle one.
 */
export function leaveToStream(request: PlatformRequest, response: PlatformResponse): void {
  if (isTaken) SseSignal.attach(request, rawRequest(request), response.raw !== undefined);
}

/**
 * Nest's method, but for streams of this package. What was not marked by `leaveToStream` goes to Nest's at once; what turns out to
 * be something else than such a stream (an error, an interceptor's Observable) goes there as soon as it is known.
 */
function serveOwnStreams(nestSse: Sse): Sse {
  return function (result, response, request, options) {
    const callNest = (): Promise<void> => nestSse.call(this, result, response, request, options);
    const signal = SseSignal.of(request);
    if (!signal || response.writableEnded) return callNest();
    const withWriter = (): Promise<void> => {
      // Before Nest pipes into the response: an interceptor may emit.
      NestWriter.of(response);
      return callNest();
    };
    return result.then((stream) => {
      if (!(stream instanceof StreamObservable) || !stream.isForNest) return withWriter();
      stream.serve(headOf(options, signal.hasOwnHeaders));
      return undefined;
    }, withWriter);
  };
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
