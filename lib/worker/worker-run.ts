import { fileURLToPath } from 'node:url';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { Timer } from '../cancellation/timer.js';
import { JobField, JobPhase } from './job-state.js';
import type { JobMessage } from './worker-job.js';
import type { WorkerOptions, WorkerPool } from './worker.options.js';

/** By its path: a thread begins with a file. */
const filename = fileURLToPath(new URL('./job-entry.js', import.meta.url));

/** A job in a pool, as the thread sees it that has started it. */
export class WorkerRun {
  readonly #pool: WorkerPool;
  readonly #options: WorkerOptions;
  readonly #state = new Int32Array(new SharedArrayBuffer(8));
  readonly #channel = new MessageChannel();
  readonly #terminate = new AbortController();
  /** Why it was stopped; the first one counts. */
  #stop: { readonly error: unknown } | undefined;
  #killTimer: Timer | undefined;
  /** Settles when the thread that was terminated is gone. */
  #gone: Promise<unknown> | undefined;

  constructor(pool: WorkerPool, options: WorkerOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#channel.port1.on('message', this.#receive);
  }

  /** Runs the job to its end. */
  async run(file: string, data: unknown): Promise<unknown> {
    try {
      const value = await this.#post(file, data);
      this.#receiveRest();
      if (!this.#stop) return value;
    } catch (error) {
      await this.#gone;
      this.#receiveRest();
      if (!this.#stop || !this.#wasStopped) throw error;
    } finally {
      this.#killTimer?.clear();
      this.#channel.port1.close();
    }
    throw this.#stop.error;
  }

  /** Tells the job to end, and sees to it that it does; {@link run} rejects with this error. */
  stop(error: unknown): void {
    if (this.#stop) return;
    this.#stop = { error };
    Atomics.store(this.#state, JobField.cancelled, 1);
    this.#channel.port1.postMessage(null);
    if (this.#phase === JobPhase.waiting) this.#kill();
    else this.#killTimer = new Timer(this.#options.killDelay ?? 500, () => this.#kill());
  }

  #post(file: string, data: unknown): Promise<unknown> {
    const { name = 'default', transferList = [] } = this.#options;
    const port = this.#channel.port2;
    const message: JobMessage = { file, name, data, state: this.#state, port };
    return this.#pool.run(message, {
      filename,
      name: 'runJob',
      signal: this.#terminate.signal,
      transferList: [port, ...transferList],
    });
  }

  #kill(): void {
    const before = this.#pool.threads;
    this.#terminate.abort();
    const after = new Set(this.#pool.threads);
    // The pool does not wait for the end of a thread that it terminates.
    const gone = before.filter((thread) => !after.has(thread));
    this.#gone = Promise.all(gone.map((thread) => new Promise((resolve) => thread.once('exit', resolve))));
  }

  /** Whether the job ended because it was told to, and did not fail by itself. */
  get #wasStopped(): boolean {
    return this.#terminate.signal.aborted || this.#phase === JobPhase.cancelled;
  }

  get #phase(): number {
    return Atomics.load(this.#state, JobField.phase);
  }

  readonly #receive = (message: unknown): void => {
    try {
      this.#options.onMessage?.(message);
    } catch (error) {
      this.stop(error);
    }
  };

  /** Messages and the result come by different ways: what was sent before the end may still be under way. */
  #receiveRest(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#channel.port1);
      if (!received) return;
      this.#receive(received.message);
    }
  }
}
