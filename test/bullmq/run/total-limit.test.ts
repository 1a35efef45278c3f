import { expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { Instances } from '../support/instances.js';

describeWithRedis('a total timeout that the handler has moved', [], (server) => {
  it('is that of the tries that follow, on whichever instance', async () => {
    const deadlines: (number | null)[] = [];
    const type = handlerTask(
      (task: TaskContext) => {
        deadlines.push(task.deadline);
        if (task.attempt > 1) return 'done';
        task.reschedule(60_000);
        throw new Error('Not yet');
      },
      { attempts: 2, backoff: 500, timeout: 300 },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const began = Date.now();
    const handle = await web.coordinator.start(type, {});
    expect(await handle.result).toBe('done');
    const [first, second] = deadlines;
    expect(first! - began).toBeLessThan(30_000);
    expect(second! - began).toBeGreaterThan(30_000);
  });

  it('ends the task between two tries', async () => {
    const type = handlerTask(
      (task: TaskContext) => {
        task.reschedule(200);
        throw new Error('Not yet');
      },
      { attempts: 2, backoff: 60_000, timeout: null },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const outcome = await handle.outcome;
    expect(outcome).toMatchObject({
      status: 'timeout',
      reason: { kind: 'timeout', of: 'total', timeout: 200 },
    });
  });

  it('is none for the tries that follow where it was taken away', async () => {
    const type = handlerTask(
      (task: TaskContext) => {
        if (task.attempt > 1) return task.deadline;
        task.reschedule(null);
        throw new Error('Not yet');
      },
      { attempts: 2, backoff: 400, timeout: 300 },
    );
    const instances = new Instances(server, [type]);
    await instances.start();
    const web = await instances.startWeb();
    expect(await (await web.coordinator.start(type, {})).result).toBeNull();
  });
});
