import type { Logger } from '@nestjs/common';
import type { CancellationRule } from '../cancellation/is-cancellation.js';
import type { SignalBudget } from './handler/signal-inbox.js';
import type { TaskRun } from './task-run.js';

/** What a run needs of the engine that runs it. */
export interface RunHost {
  readonly logger: Logger;
  readonly signals: SignalBudget;
  readonly isCancellation: CancellationRule | undefined;
  /** Its outcome is decided, and about to be announced: the next task may begin. */
  onFree(run: TaskRun): void;
  /** It is over: it may be forgotten after a while. */
  onOver(run: TaskRun): void;
}
