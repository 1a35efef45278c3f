import { NestFactory } from '@nestjs/core';
import { decorate, makeModule } from '../../support/decorate.js';
import { CoordinatorService, StreamingModule, StreamTask } from '../../support/streaming.js';

/** @type {import('../worker.js').Start} */
export async function start() {
  class ShortTask {
    /** @param {import('nestjs-streaming').TaskContext} task */
    async process(task) {
      await task.sendEvent('update', { percent: 50 });
      return { ok: true };
    }
  }
  decorate(ShortTask, StreamTask({ app: 'bench', name: 'short' }));

  // Ended tasks are forgotten at once, as the bare loop forgets them.
  const streaming = StreamingModule.forRoot({ http: false, replay: { retention: 0 } });
  const module = makeModule({ imports: [streaming], providers: [ShortTask] });
  const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  const coordinator = app.get(CoordinatorService);
  return () => coordinator.start(ShortTask, {});
}
