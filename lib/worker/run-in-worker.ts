import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Piscina } from 'piscina';
import type { CancelScope } from '../cancellation/cancel-scope.js';
import { WorkerRun } from './worker-run.js';
import { checkWorkerOptions, type WorkerOptions, type WorkerPool } from './worker.options.js';

let sharedPool: WorkerPool | undefined;

/**
 * Runs a function of another file in a worker thread, for work that would block the event loop. When the scope is
 * cancelled the function is told so (`job.cancelled`, `job.signal`), and when it has not ended `killDelay` later its
 * thread is terminated, in the middle of a loop if need be. Either way the pool goes on with other jobs. A job that
 * still waits for a thread never begins.
 *
 * What runs in a terminated thread is not told: no `finally`, no `exit` handler. Whoever holds something that must be
 * given back looks at `job.cancelled`.
 *
 * Data, messages and result are copied (the structured clone algorithm); of an error its standard name, message and
 * stack arrive.
 *
 * @param scope the task, or a scope inside it
 * @param file the module, as a URL or an absolute path, as it is when the application runs: `.js` of what is compiled
 * @param data the first argument of its function; the second is a `WorkerJob`
 * @param options see {@link WorkerOptions}
 * @returns what the function returns
 * @throws the scope's `signal.reason` after a cancel, unless the function failed with something else; what the function
 *   or `onMessage` throws; TypeError when the file is not absolute; InvalidOptionsError
 * @see https://github.com/piscinajs/piscina
 * @example
 * const primes = await runInWorker<number[]>(task, new URL('./primes.js', import.meta.url), task.input.upTo);
 * @publicApi
 */
export async function runInWorker<Result = unknown>(
  scope: CancelScope,
  file: string | URL,
  data: unknown,
  options: WorkerOptions = {},
): Promise<Result> {
  checkWorkerOptions(options);
  const url = urlOf(file);
  scope.throwIfCancelled();
  const run = new WorkerRun(options.pool ?? defaultPool(), options);
  const registration = scope.onCancel(() => run.stop(scope.signal.reason));
  try {
    return (await run.run(url, data)) as Result;
  } finally {
    registration[Symbol.dispose]();
  }
}

function urlOf(file: string | URL): string {
  if (file instanceof URL) return file.href;
  if (/^(file|data):/.test(file)) return file;
  if (isAbsolute(file)) return pathToFileURL(file).href;
  throw new TypeError(
    `runInWorker(): "${file}" is relative to nothing; use new URL('${file}', import.meta.url) or an absolute path`,
  );
}

function defaultPool(): WorkerPool {
  return (sharedPool ??= new Piscina({ minThreads: 0, idleTimeout: 5_000 }));
}
