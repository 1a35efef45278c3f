import { fileURLToPath } from 'node:url';
import type { Transferable, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { inRootContext } from '../cancellation/async-context.js';
import type { JobMessage } from './worker-job.js';
import type { WorkerPool } from './worker.options.js';

/** A path, not a module: a thread begins with a file. */
const filename = fileURLToPath(new URL('./job-entry.js', import.meta.url));

// A pool, its threads and their ports live longer than the call that creates them. They are created in the root context, so
// that they do not keep the context of that call in memory.

let shared: WorkerPool | undefined;

/** The pool of all calls without one of their own. */
export function sharedPool(): WorkerPool {
  return (shared ??= inRootContext(() => new Piscina({ minThreads: 0, idleTimeout: 5_000 })));
}

/** Gives a job to the pool. The signal takes it out of the queue, or terminates its thread. */
export function postJob(
  pool: WorkerPool,
  message: JobMessage,
  signal: AbortSignal,
  transferList: Transferable[],
): Promise<unknown> {
  const options = { filename, name: 'runJob', signal, transferList };
  return inRootContext(() => pool.run(message, options));
}

/** Takes a job out of the queue, or terminates its thread. Settles when that is gone: the pool itself does not wait for it. */
export function terminateJob(pool: WorkerPool, job: AbortController): Promise<unknown> {
  const before = pool.threads;
  inRootContext(() => job.abort());
  const after = new Set(pool.threads);
  const gone = before.filter((thread) => !after.has(thread));
  wakePool(pool);
  return Promise.all(gone.map(exit));
}

/**
 * Starts a thread when jobs wait and the pool has room for one. Piscina replaces a thread that has died only up to
 * `minThreads`. Otherwise it starts threads when it is given a job, or when another thread becomes free. So the queue
 * would stand still when all threads have died. A job that is given to the pool and withdrawn at once starts a thread.
 */
export function wakePool(pool: WorkerPool): void {
  const { length } = pool.threads;
  if (pool.queueSize === 0 || length >= pool.maxThreads) return;
  const withdrawn = new AbortController();
  inRootContext(() => {
    pool.run(undefined, { filename, name: 'doNothing', signal: withdrawn.signal }).catch(() => {});
    // If no thread was started, a free one has the job already, and the signal would terminate it.
    if (pool.threads.length > length) withdrawn.abort();
  });
}

function exit(thread: Worker): Promise<unknown> {
  return new Promise((resolve) => {
    thread.once('exit', resolve);
  });
}
