import { NestFactory } from '@nestjs/core';
import { decorate, makeModule } from '../../support/decorate.js';
import { CoordinatorService, loadBullmq, StreamingModule, StreamTask } from '../../support/streaming.js';
import { sendBursts } from '../bursts.js';
import { concurrency } from '../sizes.js';

const app = 'bench';

/** More sleep at once than others run. */
const sleepers = 1_000;

/**
 * @param {import('./index.js').Role} role
 * @returns {Promise<import('./index.js').CancellingInstance>}
 */
export async function start({ port, runs }) {
  let completed = 0;

  class ShortTask {
    async process() {
      completed++;
      return { ok: true };
    }
  }
  class StreamedTask {
    /** @param {import('nestjs-streaming').TaskContext<import('./index.js').Input>} task */
    async process(task) {
      await sendBursts(task.input, (event) => task.sendEvent('progress', event));
      completed++;
      return { ok: true };
    }
  }
  class SleepingTask {
    /** @param {import('nestjs-streaming').TaskContext} task */
    async process(task) {
      await sendBursts({}, (event) => task.sendEvent('progress', event));
      await task.sleep(3_600_000);
    }
  }
  decorate(ShortTask, StreamTask({ app, name: 'short', concurrency }));
  decorate(StreamedTask, StreamTask({ app, name: 'stream', concurrency }));
  decorate(SleepingTask, StreamTask({ app, name: 'sleep', concurrency: sleepers }));

  const { bullmq } = await loadBullmq();
  const run = runs.map((name) => ({ app, name }));
  const engine = bullmq({ connection: { host: '127.0.0.1', port }, prefix: app, run });
  const streaming = StreamingModule.forRoot({ http: false, engine });
  const providers = [ShortTask, StreamedTask, SleepingTask];
  const module = makeModule({ imports: [streaming], providers });
  const context = await NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  const coordinator = context.get(CoordinatorService);

  /** @param {import('./index.js').Watch} watch */
  const observe = ({ onEvent, onEnd }) => ({
    next: (/** @type {import('nestjs-streaming').TaskEvent} */ { type, data }) => {
      if (type === 'progress') onEvent(/** @type {never} */ (data));
    },
    complete: onEnd,
  });
  return {
    queue: `{${app}.${app}.short}:${app}.${app}.short`,
    completed: () => completed,
    async start(input, watch) {
      const type = input.bursts === undefined ? ShortTask : StreamedTask;
      const handle = await coordinator.start(type, input);
      if (watch) handle.events().subscribe(observe(watch));
    },
    hold: (id, delay) => coordinator.start(SleepingTask, {}, { id, ...(delay !== undefined && { delay }) }),
    watch: (id, watch) => coordinator.events({ app, name: 'sleep', id }).subscribe(observe(watch)),
    cancel: (id) => coordinator.cancelTask({ app, name: 'sleep', id }),
  };
}
