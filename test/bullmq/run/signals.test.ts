import { afterEach, expect, it, jest } from '@jest/globals';
import { type TaskContext, TooManySignalsError } from 'nestjs-streaming';
import { RedisNews } from '../../../lib/bullmq/redis/redis-news.js';
import { RedisTasks } from '../../../lib/bullmq/redis/redis-tasks.js';
import { handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { deferred, eventually } from '../../support/wait.js';
import { Instances } from '../support/instances.js';

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

  it('are refused beyond each limit by its name, and all that wait reach the handler', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      const taken: unknown[] = [];
      for (let n = 0; n < 100; n++) taken.push(await task.waitForSignal(`n${n}`));
      for (let n = 0; n < 100; n++) taken.push(await task.waitForSignal('n0'));
      return taken;
    });
    const instances = new Instances(server, [type]);
    const options = { tasks: { maxEventBytes: 1_024 }, replay: { bytes: 2_048 } };
    const web = await instances.startWeb({ options });
    const { ref, outcome } = await web.coordinator.start(type, {});
    const send = (name: string, data: string | number): Promise<boolean> =>
      web.coordinator.signal(ref, name, data);
    const refusal = (message: string): Error => new TooManySignalsError(message);
    for (let n = 0; n < 100; n++) await send(`n${n}`, n);
    await expect(send('n100', 1)).rejects.toEqual(
      refusal('Signals of 100 names wait already; the task does not take them (signal "n100")'),
    );
    for (let n = 1; n < 100; n++) await send('n0', n);
    await expect(send('n0', 1)).rejects.toEqual(
      refusal('100 signals "n0" wait already; the task does not take them'),
    );
    await send('n1', 'x'.repeat(1_000));
    await expect(send('n2', 'x'.repeat(700))).rejects.toEqual(
      refusal(
        'There is no room for the 702 bytes of signal "n2": signals that the task has not taken fill its replay.bytes',
      ),
    );
    await instances.start({ options });
    await eventually(async () => expect(await send('n0', 100)).toBe(true), { interval: 50 });
    const numbers = Array.from({ length: 101 }, (_number, n) => n);
    expect((await outcome).value).toEqual([...numbers.slice(0, 100), ...numbers.slice(1)]);
  });
});
