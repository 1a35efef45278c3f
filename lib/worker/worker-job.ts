import type { MessagePort, Transferable } from 'node:worker_threads';

/**
 * What a function that runs in a worker gets beside its data.
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
  /** Whether it is to end. It changes in the middle of a loop too: it is read from shared memory. */
  readonly cancelled: boolean;
  /** For what waits: aborts when the job is to end, as soon as the worker's event loop has a turn. */
  readonly signal: AbortSignal;
  /** Throws `signal.reason` when it is to end, and does nothing otherwise. */
  throwIfCancelled(): void;
  /** Hands something to the `onMessage` of whoever started the job, progress say. What is not moved is copied. */
  send(message: unknown, transferList?: readonly Transferable[]): void;
}

/** What is handed to the thread. */
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
