import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CancelScope } from '../cancellation/scope/cancel-scope.js';
import { endWithScope, runIn } from '../cancellation/scope/run-external.js';
import { sharedPool } from './pool-access.js';
import { WorkerRun } from './worker-run.js';
import { checkWorkerOptions, type WorkerOptions } from './worker.options.js';

/**
 * Runs a function of another file in a worker thread, for work that would block the event loop. When the scope is
 * cancelled, the function sees it (`job.cancelled`, `job.signal`). If it has not ended `killDelay` later, its thread is
 * terminated, even in the middle of a loop. The pool goes on with its other jobs. A cancelled job that still waits for a
 * thread never begins.
 *
 * A terminated thread runs no `finally` block and no `exit` handler. A function that must give something back has to
 * look at `job.cancelled`.
 *
 * Data, messages and result are copied by the structured clone algorithm. Of an error the name, message and stack
 * arrive.
 *
 * @param scope the task, or a scope inside it
 * @param file the module, as a URL or an absolute path: the compiled `.js` file
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
export function runInWorker<Result = unknown>(
  scope: CancelScope,
  file: string | URL,
  data: unknown,
  options: WorkerOptions = {},
): Promise<Result> {
  return runIn(scope, async () => {
    checkWorkerOptions(options);
    const url = urlOf(file);
    scope.throwIfCancelled();
    const run = new WorkerRun(options.pool ?? sharedPool(), url, data, options);
    return endWithScope(scope, run) as Promise<Result>;
  });
}

function urlOf(file: string | URL): string {
  if (file instanceof URL) return file.href;
  if (/^(file|data):/.test(file)) return file;
  if (isAbsolute(file)) return pathToFileURL(file).href;
  throw new TypeError(
    `runInWorker(): "${file}" is relative to nothing; use new URL('${file}', import.meta.url) or an absolute path`,
  );
}
