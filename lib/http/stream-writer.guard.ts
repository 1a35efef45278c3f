import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { type PlatformRequest, type PlatformResponse, rawResponse } from './http-exchange.js';
import { isConnection } from './stream/output/end-connection.js';
import { NestWriter } from './stream/output/nest-writer.js';

/** What Nest 11 calls of a socket when it begins a stream, whether it is one or not. */
const socketMethods = ['setKeepAlive', 'setNoDelay', 'setTimeout'];

/**
 * Lets every request pass. Before any interceptor runs, it asks for Nest's side of the stream: what interceptors emit must
 * not be written as Nest would write it.
 */
export const streamWriterGuard: CanActivate = {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    completeSocket(http.getRequest<PlatformRequest>());
    NestWriter.of(rawResponse(http.getResponse<PlatformResponse>()));
    return true;
  },
};

/** The stand-in for a socket that `inject()` makes lacks them. Nest 12 does without. */
function completeSocket(request: PlatformRequest): void {
  const { socket } = request.raw ?? (request as unknown as NonNullable<PlatformRequest['raw']>);
  if (isConnection(socket) || !(socket as object | undefined)) return;
  for (const method of socketMethods) {
    if (typeof Reflect.get(socket, method) !== 'function') Reflect.set(socket, method, () => socket);
  }
}
