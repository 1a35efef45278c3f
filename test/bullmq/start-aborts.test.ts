import { afterEach, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from 'nestjs-streaming';
import { RedisTasks } from '../../lib/bullmq/redis/redis-tasks.js';
import { TaskIndex } from '../../lib/bullmq/redis/task-index.js';
import { TaskQueue } from '../../lib/bullmq/task-queue.js';
import { handlerTask } from '../support/app.js';
import { eventually } from '../support/wait.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { Instances } from './support/instances.js';

describeWithRedis('a start', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is cancelled by a signal that aborts while the job is added', async () => {
    const type = handlerTask(() => 'never');
    const web = await new Instances(server, [type]).startWeb();
    const controller = new AbortController();
    jest.spyOn(TaskQueue.prototype, 'add').mockImplementationOnce(async () => {
      controller.abort();
    });
    const handle = await web.coordinator.start(type, {}, { signal: controller.signal });
    expect((await handle.outcome).status).toBe('cancelled');
  });

  it.each(['before', 'after'])(
    'is cancelled by a signal that aborts %s it, also if Redis does not answer at first',
    async (when) => {
      const type = handlerTask(() => 'never');
      const web = await new Instances(server, [type]).startWeb();
      const controller = new AbortController();
      const cancel = jest
        .spyOn(RedisTasks.prototype, 'cancel')
        .mockRejectedValueOnce(new StoreUnavailableError('away'));
      if (when === 'before') controller.abort();
      const handle = await web.coordinator.start(type, {}, { signal: controller.signal });
      controller.abort();
      expect((await handle.outcome).status).toBe('cancelled');
      expect(cancel).toHaveBeenCalledTimes(2);
    },
  );

  it.each(['addEventListener', 'removeEventListener'] as const)(
    'with a signal whose %s throws: starts nothing, or says so when the task has ended',
    async (method) => {
      const type = handlerTask(() => 'done');
      const app = await new Instances(server, [type]).start();
      const { signal } = new AbortController();
      const broken = new Error('no');
      Object.defineProperty(signal, method, {
        value: () => {
          throw broken;
        },
      });
      const starting = app.coordinator.start(type, {}, { signal });
      if (method === 'addEventListener') {
        await expect(starting).rejects.toBe(broken);
        expect((await app.coordinator.list()).items).toEqual([]);
        return;
      }
      expect(await (await starting).result).toBe('done');
      await eventually(() => expect(app.logs.errors.join()).toContain('The signal given to start()'));
    },
  );

  it('that fails or is refused takes no place, and is not listed', async () => {
    const type = handlerTask(() => 'never', { concurrency: 1, maxPending: 1 });
    const web = await new Instances(server, [type]).startWeb();
    const add = jest
      .spyOn(TaskIndex.prototype, 'add')
      .mockRejectedValueOnce(new StoreUnavailableError('away'));
    await expect(web.coordinator.start(type, {})).rejects.toThrow(StoreUnavailableError);
    await web.coordinator.start(type, {});
    await web.coordinator.start(type, {});
    await expect(web.coordinator.start(type, {})).rejects.toMatchObject({ code: 'TOO_MANY_TASKS' });
    expect(add).toHaveBeenCalledTimes(3);
  });
});
