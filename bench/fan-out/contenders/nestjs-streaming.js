import { decorate, makeModule } from '../../support/decorate.js';
import { listen } from '../../support/platform.js';
import { CoordinatorService, StreamingModule, StreamTask } from '../../support/streaming.js';
import { TYPE } from '../event.js';

/**
 * This package: each topic is a task that sends events.
 *
 * @param {import('../../support/platform.js').Platform} platform
 * @param {{ http?: import('nestjs-streaming').HttpOptions, ask?: import('../../support/watchers.js').Ask }} [options]
 * @returns {import('../contender.js').Start}
 */
export function nestjsStreaming(platform, { http = {}, ask } = {}) {
  return async (topics) => {
    /** @type {Map<string, import('nestjs-streaming').TaskContext>} */
    const running = new Map();
    /** @type {(value?: unknown) => void} */
    let allRunning = () => {};
    const begun = new Promise((resolve) => {
      allRunning = resolve;
    });

    class UpdatesTask {
      /** @param {import('nestjs-streaming').TaskContext} task */
      async process(task) {
        running.set(task.id, task);
        if (running.size === topics.length) allRunning();
        await task.waitFor(new Promise(() => {}));
      }
    }
    decorate(UpdatesTask, StreamTask({ app: 'bench', name: 'updates' }));

    const module = makeModule({ imports: [StreamingModule.forRoot({ http })], providers: [UpdatesTask] });
    const app = await listen(platform, module);
    const coordinator = app.get(CoordinatorService);
    const tasks = await Promise.all(topics.map((topic) => coordinator.start(UpdatesTask, {}, { id: topic })));
    await begun;
    return {
      server: app.getHttpServer(),
      paths: topics.map((topic) => `/stream/bench/updates/${topic}`),
      ask,
      async watching() {
        const snapshots = await Promise.all(tasks.map((task) => task.snapshot()));
        return snapshots.reduce((sum, { watchers }) => sum + watchers, 0);
      },
      publish(topic, events) {
        const task = running.get(topic);
        for (const { data } of events) void task?.sendEvent(TYPE, data);
      },
      end: () => Promise.all(tasks.map((task) => task.cancel({ wait: 'settled' }))),
      close: () => app.close(),
    };
  };
}
