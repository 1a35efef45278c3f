import { afterEach, expect, it, jest } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { RedisNews } from '../../lib/bullmq/redis/redis-news.js';
import { RedisTasks } from '../../lib/bullmq/redis/redis-tasks.js';
import { handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { deferred, eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';

describeWithRedis('signals', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('that come while the task is claimed reach the handler, though their news is here before the claim', async () => {
    const type = handlerTask((task: TaskContext) => task.waitForSignal('go'));
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const heard = new Set<string>();
    const { onInstance } = RedisNews.prototype;
    jest.spyOn(RedisNews.prototype, 'onInstance').mockImplementation(function (
      this: RedisNews,
      channel,
      listen,
    ) {
      return onInstance.call(this, channel, (record) => {
        if (record !== undefined) heard.add(record);
        listen(record);
      });
    });
    const handle = await web.coordinator.start(type, {});
    const { claim } = RedisTasks.prototype;
    const claimed = deferred();
    jest.spyOn(RedisTasks.prototype, 'claim').mockImplementationOnce(async function (
      this: RedisTasks,
      ...args
    ) {
      const answer = await claim.apply(this, args);
      await web.coordinator.signal(handle.ref, 'go', 'on');
      await eventually(() => expect(heard.size).toBe(1));
      claimed.resolve();
      return answer;
    });
    await instances.start();
    await claimed.promise;
    expect(await handle.result).toBe('on');
  });

  it('of more names than may wait in a process reach the handler as it takes them', async () => {
    const hold = deferred();
    const type = handlerTask(async (task: TaskContext) => {
      await hold.promise;
      const taken: unknown[] = [];
      for (let n = 0; n < 120; n++) taken.push(await task.waitForSignal(`n${n}`));
      return taken;
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const handle = await web.coordinator.start(type, {});
    const names = Array.from({ length: 120 }, (_name, n) => n);
    for (const n of names) await web.coordinator.signal(handle.ref, `n${n}`, n);
    await instances.start();
    hold.resolve();
    expect((await handle.outcome).value).toEqual(names);
  });
});
