import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { Socket } from 'node:net';
import {
  forbidStoring,
  type PlatformRequest,
  type PlatformResponse,
  rawRequest,
  rawResponse,
} from './request/http-exchange.js';
import { isConnection } from './stream/output/end-connection.js';
import { leaveToStream } from './stream/output/nest-sse.js';
import { NestWriter } from './stream/output/nest-writer.js';

/** What Nest 11 calls of a socket when it begins a stream, whether it is one or not. */
const SOCKET_METHODS = ['setKeepAlive', 'setNoDelay', 'setTimeout'];

const ownRoutes = new WeakSet<object>();

/** Marks a handler of this package, whose streams write for themselves. */
export const StreamRoute = (): MethodDecorator => (_target, _name, descriptor) => {
  ownRoutes.add(descriptor.value as object);
};

/**
 * Stands before all guards of a controller and lets every request pass. It does what has to be done before other guards,
 * interceptors and pipes run: their answers must not be stored, and what interceptors emit on a stream must not be written
 * as Nest would write it.
 */
export const streamRouteGuard: CanActivate = {
  canActivate(context: ExecutionContext): boolean {
    const request = context.getArgByIndex<PlatformRequest>(0);
    const response = context.getArgByIndex<PlatformResponse>(1);
    forbidStoring(response);
    completeSocket(rawRequest(request).socket);
    if (ownRoutes.has(context.getHandler())) leaveToStream(request, response);
    else NestWriter.of(rawResponse(response));
    return true;
  },
};

/** The stand-in for a socket that `inject()` makes lacks them. Nest 12 does without. */
function completeSocket(socket: Socket | undefined): void {
  if (!socket || isConnection(socket)) return;
  for (const method of SOCKET_METHODS) {
    if (typeof Reflect.get(socket, method) !== 'function') Reflect.set(socket, method, () => socket);
  }
}
