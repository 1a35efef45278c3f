import type { Transferable } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { type Check, checkOptions, duration, func } from '../task/check-options.js';

/**
 * A pool that you made: any `Piscina`. Its `filename` is not used.
 *
 * @publicApi
 */
export type WorkerPool = Pick<Piscina, 'run' | 'threads'>;

/** @publicApi */
export interface WorkerOptions {
  /** The export of the file that is called. Default `'default'`. */
  readonly name?: string;
  /**
   * The pool to run in, for limits of your own. Default: one that all calls without a pool share, with Piscina's
   * defaults; its threads end when they had nothing to do for 5 s, and do not keep the process from ending.
   */
  readonly pool?: WorkerPool;
  /**
   * How long a job that was told to end may go on before its thread is terminated, in milliseconds. Default 500: a
   * loop that looks at nothing is over within a second. Keep it below the task's `grace`.
   */
  readonly killDelay?: number;
  /** What of the data is moved to the thread instead of copied. */
  readonly transferList?: readonly Transferable[];
  /** Gets what the job hands to `job.send`. What it throws ends the job. */
  readonly onMessage?: (message: unknown) => void;
}

const text: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'the name of an export';

const pool: Check = (value) =>
  typeof value === 'object' && value !== null && 'run' in value && 'threads' in value
    ? undefined
    : 'a Piscina';

const list: Check = (value) => (Array.isArray(value) ? undefined : 'an array');

/** @throws InvalidOptionsError naming the first option that is unknown or wrong */
export function checkWorkerOptions(options: WorkerOptions): void {
  checkOptions('runInWorker()', options, {
    name: text,
    pool,
    killDelay: duration,
    transferList: list,
    onMessage: func,
  });
}
