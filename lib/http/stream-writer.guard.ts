import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { type PlatformResponse, rawResponse } from './http-exchange.js';
import { NestWriter } from './stream/output/nest-writer.js';

/**
 * Lets every request pass. Before any interceptor runs, it asks for Nest's side of the stream: what interceptors emit must
 * not be written as Nest would write it.
 */
export const streamWriterGuard: CanActivate = {
  canActivate(context: ExecutionContext): boolean {
    NestWriter.of(rawResponse(context.switchToHttp().getResponse<PlatformResponse>()));
    return true;
  },
};
