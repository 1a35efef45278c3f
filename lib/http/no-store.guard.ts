import type { CanActivate } from '@nestjs/common';
import { forbidStoring, type PlatformResponse } from './http-exchange.js';

/**
 * Stands before all guards of a controller and lets everything pass. It is here for the answers that are decided before
 * the handler is called: those of other guards, of interceptors and of pipes.
 */
export const noStoreGuard: CanActivate = {
  canActivate(context) {
    forbidStoring(context.switchToHttp().getResponse<PlatformResponse>());
    return true;
  },
};
