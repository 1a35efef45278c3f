// @ts-check
/**
 * What runs in the thread: it calls the user's function, and tells it when to end. It is JavaScript because a thread
 * loads it by its path, in the tests of this package too.
 */
import { isAbortError, readProperty } from '../cancellation/abort-error.js';
import { JobField, JobPhase } from './job-state.js';

/** @import { JobMessage, WorkerJob } from './worker-job.js' */

/**
 * @param {JobMessage} message
 * @returns {Promise<unknown>}
 */
export async function runJob(message) {
  const { file, name, data, state, port } = message;
  Atomics.store(state, JobField.phase, JobPhase.running);
  const job = createJob(message);
  try {
    job.throwIfCancelled();
    const work = exportOf(/** @type {Record<string, unknown>} */ (await import(file)), name);
    if (typeof work !== 'function') throw new TypeError(`${file} exports no function "${name}"`);
    return await /** @type {(data: unknown, job: WorkerJob) => unknown} */ (work)(data, job);
  } catch (error) {
    if (isCancellation(error, job)) Atomics.store(state, JobField.phase, JobPhase.cancelled);
    throw error;
  } finally {
    port.close();
  }
}

/** A job that only makes the pool start a thread. */
export function doNothing() {}

/**
 * An export by its name; also of what a compiler made a CommonJS module of, whose exports `import()` gives as `default`.
 *
 * @param {Record<string, unknown>} module
 * @param {string} name
 * @returns {unknown}
 */
function exportOf(module, name) {
  const exports = /** @type {Record<string, unknown> | undefined} */ (module.default);
  return exports?.['__esModule'] === true ? exports[name] : module[name];
}

/**
 * @param {JobMessage} message
 * @returns {WorkerJob}
 */
function createJob({ state, port }) {
  const controller = new AbortController();
  const isCancelled = () => Atomics.load(state, JobField.cancelled) === 1;
  port.on('message', () => controller.abort());
  port.unref();
  return {
    get cancelled() {
      return isCancelled();
    },
    signal: controller.signal,
    throwIfCancelled() {
      if (!isCancelled()) return;
      controller.abort();
      controller.signal.throwIfAborted();
    },
    send(message, transferList = []) {
      port.postMessage(message, transferList);
    },
  };
}

/** How many causes are followed. An error may make a new cause each time it is asked. */
const MAX_CAUSES = 32;

/**
 * Whether an error is how the cancellation of the job shows itself. It is told here: its class and its code do not leave the
 * thread.
 *
 * @param {unknown} error
 * @param {WorkerJob} job
 */
function isCancellation(error, { cancelled, signal }) {
  let link = cancelled ? error : undefined;
  for (let followed = 0; followed <= MAX_CAUSES && link !== undefined; followed++) {
    if (link === signal.reason || isAbortError(link)) return true;
    link = readProperty(link, 'cause');
  }
  return false;
}
