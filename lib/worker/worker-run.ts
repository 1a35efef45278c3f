import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { CancelScope } from '../cancellation/scope/cancel-scope.js';
import { isThenable } from '../cancellation/promises.js';
import { Timer } from '../cancellation/time/timer.js';
import { JobField, JobPhase } from './job-state.js';
import { postJob, terminateJob, wakePool } from './pool-access.js';
import type { JobMessage } from './worker-job.js';
import type { WorkerOptions, WorkerPool } from './worker.options.js';

/** A job in a pool, as the thread that started it sees it. */
export class WorkerRun {
  readonly #state = new Int32Array(new SharedArrayBuffer(8));
  readonly #channel = new MessageChannel();
  readonly #terminate = new AbortController();
  /** What `onMessage` returned and has not settled yet. */
  readonly #listeners = new Set<Promise<unknown>>();
  /** Where the listeners are waited for; cancelled when the time for that is over. */
  readonly #waiting = CancelScope.root();
  /** Why it was stopped; the first reason counts. */
  #stop: { readonly error: unknown } | undefined;
  #killTimer: Timer | undefined;
  /** Settles when the terminated thread is gone. */
  #gone: Promise<unknown> | undefined;

  constructor(
    private readonly pool: WorkerPool,
    private readonly file: string,
    private readonly data: unknown,
    private readonly options: WorkerOptions,
  ) {
    this.#channel.port1.on('message', this.#receive);
  }

  async end(): Promise<unknown> {
    try {
      const value = await this.#post();
      await this.#receiveRest();
      if (!this.#stop) return value;
    } catch (error) {
      const wasStopped = this.#wasStopped;
      // A pool without a queue refuses a job, and keeps it all the same.
      this.#terminate.abort();
      // Its thread may have died with it.
      wakePool(this.pool);
      await this.#gone;
      await this.#receiveRest();
      if (!this.#stop || !wasStopped) throw error;
    } finally {
      this.#killTimer?.clear();
      this.#channel.port1.close();
    }
    throw this.#stop.error;
  }

  /** Tells the job to end, and makes sure that it does; {@link end} rejects with this error. */
  stop(error: unknown): void {
    if (this.#stop) return;
    this.#stop = { error };
    Atomics.store(this.#state, JobField.cancelled, 1);
    this.#channel.port1.postMessage(null);
    if (this.#phase === JobPhase.waiting) this.#kill();
    else this.#killTimer = new Timer(this.options.killDelay ?? 500, () => this.#kill());
  }

  #post(): Promise<unknown> {
    const { file, data } = this;
    const { name = 'default', transferList = [] } = this.options;
    const port = this.#channel.port2;
    const message: JobMessage = { file, name, data, state: this.#state, port };
    return postJob(this.pool, message, this.#terminate.signal, [port, ...transferList]);
  }

  #kill(): void {
    this.#gone = terminateJob(this.pool, this.#terminate);
    this.#waiting.cancel();
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
      const returned = this.options.onMessage?.(message);
      if (isThenable(returned)) this.#await(returned);
    } catch (error) {
      this.stop(error);
    }
  };

  #await(returned: PromiseLike<unknown>): void {
    const listener = Promise.resolve(returned).then(
      () => {},
      (error: unknown) => this.stop(error),
    );
    this.#listeners.add(listener);
    void listener.finally(() => this.#listeners.delete(listener));
  }

  /**
   * Messages come by another way than the result: some may still be on their way, and what is done with them belongs to the
   * job.
   */
  async #receiveRest(): Promise<void> {
    for (;;) {
      const received = receiveMessageOnPort(this.#channel.port1);
      if (!received) break;
      this.#receive(received.message);
    }
    if (this.#listeners.size === 0) return;
    // It rejects only when it is no longer waited for.
    await this.#waiting.waitFor(Promise.all(this.#listeners)).catch(() => {});
  }
}
