import { afterEach, expect, it, jest } from '@jest/globals';
import type { TaskContext, TaskHandle } from 'nestjs-streaming';
import { RedisTasks } from '../../../lib/bullmq/redis/redis-tasks.js';
import { heapGrowth, MiB, Mortals } from '../../cancellation/gc.js';
import { collect, handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { deferred, eventually } from '../../support/wait.js';
import { Instances } from '../support/instances.js';

describeWithRedis('what a handle keeps of a task that has ended', [], (server) => {
  it('is neither its input nor its checkpoint, on the instance that ran it', async () => {
    const type = handlerTask(
      async (task: TaskContext<{ text: string }>) => {
        if (task.attempt === 2) return;
        await task.saveCheckpoint('x'.repeat(200_000));
        throw new Error('again');
      },
      { attempts: 2, backoff: 0 },
    );
    const { coordinator } = await new Instances(server, [type]).start();
    const held: TaskHandle[] = [];
    const growth = await heapGrowth(async (count) => {
      for (let n = 0; n < count; n++) {
        const handle = await coordinator.start(type, { text: 'x'.repeat(MiB) });
        expect((await handle.outcome).status).toBe('completed');
        held.push(handle);
      }
    }, 20);
    expect(growth).toBeLessThan(3 * MiB);
  });

  it('is no input that was still being checked when the task was cancelled', async () => {
    const mortals = new Mortals();
    const [checking, hold, checked] = [deferred(), deferred(), deferred()];
    let checks = 0;
    const validate = async (): Promise<{ value: object }> => {
      if (++checks === 2) {
        checking.resolve();
        await hold.promise;
      }
      const value = { text: 'x' };
      if (checks === 2) {
        mortals.add(value);
        checked.resolve();
      }
      return { value };
    };
    const input = { '~standard': { version: 1, vendor: 'test', validate } } as const;
    const type = handlerTask((task: TaskContext) => task.id, { input });
    const instances = new Instances(server, [type]);
    const { coordinator } = await instances.start();
    const handle = await coordinator.start(type, {});
    await checking.promise;
    await handle.cancel({ wait: 'settled' });
    hold.resolve();
    await checked.promise;
    expect(await mortals.left()).toBe(0);
    expect((await handle.outcome).status).toBe('cancelled');
  });
});

describeWithRedis('what the log says of Redis', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is one line, with causes', async () => {
    const type = handlerTask((task: TaskContext) => task.sleep(60_000));
    const { coordinator, logs } = await new Instances(server, [type]).start();
    const error = new Error('no\nsuch \u001b[2Jnode', { cause: new Error('why') });
    jest.spyOn(RedisTasks.prototype, 'watch').mockRejectedValueOnce(error);
    const handle = await coordinator.start(type, {});
    const events = collect(handle.events());
    const line = await eventually(() => {
      const found = logs.lines.find(({ level, text }) => level === 'debug' && text.includes('such'));
      expect(found).toBeDefined();
      return found;
    });
    expect(line?.text).toContain(String.raw`Error: no\nsuch \u001b[2Jnode`);
    expect(line?.text).toContain('caused by Error: why');
    expect(line?.text).not.toMatch(/\p{Cc}/u);
    await handle.cancel();
    await events.done;
  });
});
