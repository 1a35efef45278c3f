import { expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { deferred } from '../support/wait.js';
import { Instances } from './support/instances.js';

describeWithRedis('signals', [], (server) => {
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
