import { NestFactory } from '@nestjs/core';
import { decorate, makeModule } from '../../support/decorate.js';
import { CoordinatorService, StreamingModule, StreamTask } from '../../support/streaming.js';

/** @type {import('../worker.js').Start} */
export async function start(counts, sleepTime) {
  class SleepingTask {
    /** @param {import('nestjs-streaming').TaskContext} task */
    async process(task) {
      counts.running++;
      try {
        await task.sleep(sleepTime);
      } finally {
        counts.cleanedUp++;
      }
    }
  }
  decorate(SleepingTask, StreamTask({ app: 'bench', name: 'sleeping' }));

  // Ended tasks are forgotten at once, as the bare loop forgets them.
  const streaming = StreamingModule.forRoot({ http: false, replay: { retention: 0 } });
  const module = makeModule({ imports: [streaming], providers: [SleepingTask] });
  const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  const coordinator = app.get(CoordinatorService);
  return () => coordinator.start(SleepingTask, {});
}
