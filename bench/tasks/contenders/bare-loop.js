import { randomUUID } from 'node:crypto';
import { Subject } from 'rxjs';

/**
 * @typedef {object} BareTask
 * @property {string} key
 * @property {'pending' | 'running' | 'completed'} status
 * @property {AbortController} controller
 * @property {Subject<{ type: string, json: string }>} subject
 */

/** As much of a task as anyone would write by hand: an id, an AbortController, a Subject, and an entry in a Map. */
class BareLoop {
  /**
   * @readonly
   * @type {Map<string, BareTask>}
   */
  #tasks = new Map();
  /** @readonly */
  #prepare;

  /** @param {(controller: AbortController) => unknown} prepare */
  constructor(prepare) {
    this.#prepare = prepare;
  }

  /** @param {(send: (type: string, data: object) => Promise<void>) => Promise<unknown>} handler */
  async start(handler) {
    const controller = new AbortController();
    this.#prepare(controller);
    const key = `bench:bare:${randomUUID()}`;
    /** @type {BareTask} */
    const task = { key, status: 'pending', controller, subject: new Subject() };
    this.#tasks.set(key, task);
    // As with the coordinator, the handler begins in a later turn, when its task can be cancelled already.
    const outcome = new Promise((resolve) => {
      setImmediate(() => void this.#run(task, handler).then(resolve));
    });
    return { outcome };
  }

  /**
   * @param {BareTask} task
   * @param {(send: (type: string, data: object) => Promise<void>) => Promise<unknown>} handler
   */
  async #run(task, handler) {
    const { key, subject } = task;
    const send = async (/** @type {string} */ type, /** @type {object} */ data) => {
      subject.next({ type, json: JSON.stringify(data) });
    };
    task.status = 'running';
    await send('started', { attempt: 1 });
    const value = await handler(send);
    await send('completed', { finalValue: value });
    task.status = 'completed';
    subject.complete();
    this.#tasks.delete(key);
    return { status: task.status, value };
  }
}

/**
 * @param {'lazy' | 'eager'} signal whether every task has an AbortSignal, or only one that asks for it: making it costs
 *   more than all the rest
 * @returns {import('../worker.js').Start}
 */
export function bareLoop(signal) {
  return async () => {
    const loop = new BareLoop(signal === 'eager' ? (controller) => controller.signal : () => undefined);
    return () =>
      loop.start(async (send) => {
        await send('update', { percent: 50 });
        return { ok: true };
      });
  };
}
