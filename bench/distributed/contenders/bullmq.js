import { randomUUID } from 'node:crypto';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { sendBursts } from '../bursts.js';
import { concurrency } from '../sizes.js';

/** @typedef {import('./index.js').Kind} Kind */

/**
 * BullMQ alone: jobs in place of tasks, their progress in place of events, and `QueueEvents` to hear of it. Jobs leave nothing
 * behind.
 *
 * @param {import('./index.js').Role} role
 * @returns {Promise<import('./index.js').Instance>}
 */
export async function start({ port, runs }) {
  const connection = { host: '127.0.0.1', port };
  const queues = {
    short: new Queue('short', { connection }),
    stream: new Queue('stream', { connection }),
  };

  /** @type {Map<string, import('./index.js').Watch>} */
  const watched = new Map();
  const events = new QueueEvents('stream', { connection });
  events.on('progress', ({ jobId, data }) => watched.get(jobId)?.onEvent(/** @type {never} */ (data)));
  events.on('completed', ({ jobId }) => {
    watched.get(jobId)?.onEnd();
    watched.delete(jobId);
  });
  await events.waitUntilReady();

  let completed = 0;
  /** @type {Record<string, import('bullmq').Processor>} */
  const processors = {
    short: async () => ({ ok: true }),
    stream: async (job) => {
      await sendBursts(job.data, (event) => job.updateProgress(event));
      return { ok: true };
    },
  };
  for (const kind of runs) {
    const worker = new Worker(kind, processors[kind], { connection, concurrency });
    worker.on('completed', () => completed++);
    await worker.waitUntilReady();
  }

  return {
    queue: 'bull:short',
    completed: () => completed,
    async start(input, watch) {
      if (input.bursts === undefined) return queues.short.add('short', input, { removeOnComplete: true });
      const jobId = randomUUID();
      if (watch) watched.set(jobId, watch);
      return queues.stream.add('stream', input, { jobId, removeOnComplete: true });
    },
  };
}
