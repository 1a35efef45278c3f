/**
 * `nestjs-streaming/worker`: work that computes, in threads that end with the scope it is done in. Needs the package
 * `piscina`.
 *
 * @packageDocumentation
 */
export { runInWorker } from './run-in-worker.js';
export type { WorkerJob } from './worker-job.js';
export type { WorkerOptions, WorkerPool } from './worker.options.js';
