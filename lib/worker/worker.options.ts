import type { Transferable } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { array, checkOptions, duration, mustBe, func } from '../task/options/check-options.js';

/**
 * A pool of your own: any `Piscina`. Its `filename` is not used.
 *
 * @publicApi
 */
export type WorkerPool = Pick<Piscina, 'run' | 'threads' | 'queueSize' | 'maxThreads'>;

/**
 * How `runInWorker()` runs a job. All options have defaults.
 *
 * @publicApi
 */
export interface WorkerOptions {
  /** The export of the file that is called. Default `'default'`. */
  readonly name?: string | undefined;
  /**
   * The pool to run in, when you need other limits. Default: all calls without this option share one pool with Piscina's
   * limits. Its threads end after 5 s without a job, and do not keep the process from ending.
   */
  readonly pool?: WorkerPool | undefined;
  /**
   * How long a cancelled job may go on before its thread is terminated, in milliseconds. Default 500. Keep it below the
   * task's `grace`.
   */
  readonly killDelay?: number | undefined;
  /** Parts of the data that are moved to the thread instead of copied. */
  readonly transferList?: readonly Transferable[] | undefined;
  /**
   * Called with each message of `job.send`, in the async context of the call. An error that it throws, or a promise of it
   * that rejects, ends the job. Promises are awaited before the call returns; after a cancel, no longer than `killDelay`.
   */
  readonly onMessage?: ((message: unknown) => unknown) | undefined;
}

export function checkWorkerOptions(options: WorkerOptions): void {
  checkOptions('runInWorker()', options, {
    name: mustBe('the name of an export', (value) => typeof value === 'string' && value !== ''),
    pool: mustBe(
      'a Piscina',
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        ['run', 'threads', 'queueSize', 'maxThreads'].every((member) => member in value),
    ),
    killDelay: duration,
    transferList: array,
    onMessage: func,
  });
}
