import { fork } from 'node:child_process';

/** Longest wait for any one answer, in milliseconds: nothing here takes that long unless it hangs. */
const answerTimeout = 60_000;
/** How long a process may take to end, in milliseconds. */
const exitTimeout = 5_000;

/** A process of its own that answers calls: the other side of `serve()`. */
export class Child {
  /** @readonly */
  #name;
  /** @readonly */
  #process;
  /**
   * @readonly
   * @type {Map<number, { resolve: (result: unknown) => void, reject: (error: Error) => void }>}
   */
  #calls = new Map();
  #count = 0;

  /**
   * @param {URL} script
   * @param {string} name what errors call it
   */
  constructor(script, name) {
    this.#name = name;
    this.#process = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (/** @type {{ id: number, result?: unknown, error?: string }} */ answer) => {
      const call = this.#calls.get(answer.id);
      if (answer.error === undefined) call?.resolve(answer.result);
      else call?.reject(new Error(`${name}: ${answer.error}`));
    });
    this.#process.on('exit', (code, signal) => {
      for (const { reject } of this.#calls.values()) {
        reject(
          new Error(`${name} ended (${signal ?? `exit code ${code}`}) while it was asked for something`),
        );
      }
    });
  }

  /**
   * @template T
   * @param {string} method
   * @param {object} [params]
   * @returns {Promise<T>}
   */
  async call(method, params = {}) {
    const id = ++this.#count;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        this.#calls.set(id, { resolve, reject });
        timer = setTimeout(() => {
          reject(new Error(`${this.#name} did not answer "${method}" within ${answerTimeout} ms`));
        }, answerTimeout);
        this.#process.send({ id, method, params }, (error) => {
          if (error) reject(error);
        });
      });
    } finally {
      clearTimeout(timer);
      this.#calls.delete(id);
    }
  }

  /**
   * Ends the process, and waits until it has gone: the next one measured shall not share the processor with it. It is
   * told first, so that a profile that was asked for is still written.
   */
  async stop() {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    await new Promise((resolve) => {
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), exitTimeout);
      this.#process.once('exit', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
      if (this.#process.connected) this.#process.disconnect();
    });
  }
}
