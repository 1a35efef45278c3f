import { randomUUID } from 'node:crypto';
import { Subject } from 'rxjs';

/**
 * @typedef {object} BareTask
 * @property {string} key
 * @property {'pending' | 'running' | 'completed' | 'cancelled' | 'failed'} status
 * @property {AbortController} controller
 * @property {Subject<{ type: string, json: string }>} subject
 */

/** As in the benchmark of short tasks, with a signal that every handler gets, and a cancel. */
class BareLoop {
  /**
   * @readonly
   * @type {Map<string, BareTask>}
   */
  #tasks = new Map();

  /** @param {(signal: AbortSignal) => Promise<unknown>} handler */
  async start(handler) {
    const key = `bench:bare:${randomUUID()}`;
    /** @type {BareTask} */
    const task = { key, status: 'pending', controller: new AbortController(), subject: new Subject() };
    this.#tasks.set(key, task);
    const outcome = new Promise((resolve) => {
      setImmediate(() => void this.#run(task, handler).then(resolve));
    });
    // An error of its own for each, so that a handler can tell its cancellation from any other.
    return { outcome, cancel: () => task.controller.abort(new Error('Cancelled')) };
  }

  /**
   * @param {BareTask} task
   * @param {(signal: AbortSignal) => Promise<unknown>} handler
   */
  async #run(task, handler) {
    const { key, controller, subject } = task;
    task.status = 'running';
    subject.next({ type: 'started', json: JSON.stringify({ attempt: 1 }) });
    try {
      await handler(controller.signal);
      task.status = 'completed';
    } catch (error) {
      task.status = controller.signal.aborted && error === controller.signal.reason ? 'cancelled' : 'failed';
    }
    subject.next({ type: task.status, json: JSON.stringify({ reason: 'external' }) });
    subject.complete();
    this.#tasks.delete(key);
    return { status: task.status };
  }
}

/** @type {import('../worker.js').Start} */
export async function start(counts, sleepTime) {
  const loop = new BareLoop();
  return () =>
    loop.start(async (signal) => {
      counts.running++;
      try {
        await sleep(sleepTime, signal);
      } finally {
        counts.cleanedUp++;
      }
    });
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(/** @type {Error} */ (signal.reason));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
