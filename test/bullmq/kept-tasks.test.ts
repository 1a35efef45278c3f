import { afterEach, expect, it, jest } from '@jest/globals';
import type { TaskApp } from '../support/app.js';
import { forget } from '../../lib/bullmq/redis/scripts/forget.js';
import { taskKey } from '../../lib/task/task-ref.js';
import { handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { deferred, eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';

async function listed({ coordinator }: TaskApp): Promise<string[]> {
  return (await coordinator.list({ limit: 100 })).items.map(({ id }) => id);
}

describeWithRedis('ended tasks over replay.tasks', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('are forgotten with one call each, whichever instances have run them', async () => {
    const calls = jest.spyOn(forget, 'run');
    const type = handlerTask(() => 'done');
    const instances = new Instances(server, [type]);
    const options = { replay: { tasks: 3 } };
    const [one] = await Promise.all([instances.start({ options }), instances.start({ options })]);
    const handles = await Promise.all(Array.from({ length: 20 }, () => one.coordinator.start(type, {})));
    await Promise.all(handles.map(({ result }) => result));
    await eventually(async () => expect(await listed(one)).toHaveLength(3));
    await eventually(() => expect(calls).toHaveBeenCalledTimes(17));
    const found = await Promise.all(handles.map(({ ref }) => one.coordinator.get(ref)));
    expect(found.filter(Boolean)).toHaveLength(3);
  });

  it('do not take a running one with them that the list has for ended', async () => {
    const [asked, go] = [deferred(), deferred()];
    const Waiting = handlerTask(() => (asked.resolve(), go.promise), { name: 'waiting' });
    const Short = handlerTask(() => 'done', { name: 'short' });
    const instances = new Instances(server, [Waiting, Short]);
    const app = await instances.start({ options: { replay: { tasks: 1 } } });
    const waiting = await app.coordinator.start(Waiting, {});
    await asked.promise;
    await server.connect().zadd(`${instances.prefix}:{tasks}:ended`, 1, taskKey(waiting.ref));
    const calls = jest.spyOn(forget, 'run');
    const short = await app.coordinator.start(Short, {});
    await short.result;
    await eventually(() => expect(calls).toHaveBeenCalledTimes(1));
    await eventually(async () =>
      expect((await listed(app)).toSorted()).toEqual([waiting.id, short.id].toSorted()),
    );
    go.resolve();
    await waiting.result;
  });
});
