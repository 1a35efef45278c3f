import type { MessagePort, Transferable } from 'node:worker_threads';

/**
 * The second argument of a function that runs in a worker.
 *
 * @example
 * // primes.js
 * export default function primes(upTo: number, job: WorkerJob): number[] {
 *   const found: number[] = [];
 *   for (let n = 2; n <= upTo; n++) {
 *     job.throwIfCancelled();
 *     if (found.every((prime) => n % prime !== 0)) found.push(n);
 *   }
 *   return found;
 * }
 * @publicApi
 */
export interface WorkerJob {
  /** Whether the job was cancelled. It is read from shared memory, so it changes in the middle of a loop too. */
  readonly cancelled: boolean;
  /** Aborts when the job is cancelled, as soon as the thread's event loop has a turn. */
  readonly signal: AbortSignal;
  /** Throws `signal.reason` when the job was cancelled, and does nothing otherwise. */
  throwIfCancelled(): void;
  /** Sends something to the caller's `onMessage`, progress for example. It is copied, but for what is moved. */
  send(message: unknown, transferList?: readonly Transferable[]): void;
}

export interface JobMessage {
  /** The URL of the user's module. */
  readonly file: string;
  /** The export of it that is called. */
  readonly name: string;
  readonly data: unknown;
  /** What both threads see, in shared memory: see `job-state.js`. */
  readonly state: Int32Array;
  /** There: "cancelled". Back: the messages. */
  readonly port: MessagePort;
}
