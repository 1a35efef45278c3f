import type { Logger } from '@nestjs/common';
import type { Json } from '../../task/json.js';
import type { TaskRun } from './task-run.js';

/** What one run was started with, besides its input. */
export interface RunStart {
  readonly timeout: number | null;
  readonly grace: number;
  readonly owner?: string;
  readonly metadata?: Json;
}

/** What a run tells whoever keeps it. */
export interface RunHost {
  readonly logger: Logger;
  /** It is over: its place is free, and it may be forgotten after a while. */
  onOver(run: TaskRun): void;
}
