import { StreamingError } from '../cancellation/errors.js';

export { LogUnavailableError, StoreUnavailableError } from '../task/errors.js';

/** The instance that ran a task was lost, and no other try follows. */
export class WorkerLostError extends StreamingError {
  override readonly name = 'WorkerLost';
  readonly code = 'WORKER_LOST';
  /** It was written for watchers. */
  override readonly expose = true;

  constructor() {
    super('The worker was lost');
  }
}
