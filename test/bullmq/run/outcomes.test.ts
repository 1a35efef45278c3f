import { expect, it, jest } from '@jest/globals';
import { Injectable, Scope, type Type } from '@nestjs/common';
import { type CancelReason, StreamTask, type TaskContext, type TaskOutcome } from 'nestjs-streaming';
import { finish } from '../../../lib/bullmq/redis/scripts/finish.js';
import { collect, type FunctionTask, handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { deferred, eventually } from '../../support/wait.js';
import { Instances } from '../support/instances.js';
import { takeLease } from '../support/leases.js';

describeWithRedis('the outcome of a task that ran elsewhere', [], (server) => {
  /** Runs a task on another instance, cancelled as often as there are details. */
  async function outcomeOf(
    type: Type<FunctionTask<unknown, unknown>>,
    ...details: string[]
  ): Promise<TaskOutcome> {
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    for (const detail of details) {
      await events.until('ready');
      expect(await handle.cancel({ detail })).toBe(true);
    }
    return handle.outcome;
  }

  function cancelled(detail: string): CancelReason {
    return { kind: 'external', detail };
  }

  it('says that the handler never began, where what it needs could not be made', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Unready {
      constructor() {
        throw new Error('not ready');
      }

      process(): void {}
    }
    StreamTask({ name: 'unready' })(Unready);
    expect(await outcomeOf(Unready)).toMatchObject({ status: 'failed', started: false, durationMs: 0 });
  });

  it('says for how long it ran, without the time before', async () => {
    const type = handlerTask((task: TaskContext) => task.sleep(100));
    const { started, durationMs, requests } = await outcomeOf(type);
    expect(started).toBe(true);
    expect(requests).toEqual([]);
    expect(durationMs).toBeGreaterThanOrEqual(99);
    expect(durationMs).toBeLessThan(2_000);
  });

  it('says that the handler was abandoned', async () => {
    const hold = deferred();
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('ready');
        await hold.promise;
      },
      { grace: 5 },
    );
    expect(await outcomeOf(type, 'enough')).toMatchObject({ status: 'cancelled', abandoned: true });
    hold.resolve();
  });

  it('says that the handler swallowed its cancellation', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      await task.sendEvent('ready');
      await task.sleep(60_000).catch(() => {});
    });
    const outcome = await outcomeOf(type, 'enough');
    expect(outcome).toMatchObject({ status: 'cancelled', swallowed: true, abandoned: false });
  });

  it('lists all requests to cancel, and the cancellation beside an error', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      await task.sendEvent('ready');
      await task.sleep(60_000).catch(() => {});
      await task.shield(() => eventually(() => task.cancelling === 2));
      throw new Error('disk full');
    });
    const outcome = await outcomeOf(type, 'one', 'two');
    expect(outcome).toMatchObject({ status: 'failed', requests: [cancelled('one'), cancelled('two')] });
    expect(outcome.cancellation?.reason).toEqual(cancelled('one'));
  });

  it.each(['cancelled', 'timeout'])(
    'lists those that were accepted when the end was on its way already: %s',
    async (status) => {
      const type = handlerTask(async (task: TaskContext) => {
        await task.sendEvent('ready');
        await task.sleep(60_000);
      });
      const instances = new Instances(server, [type]);
      const web = await instances.startWeb();
      const worker = await instances.start();
      const timeout = status === 'timeout' ? 100 : null;
      const here = await worker.coordinator.start(type, {}, { timeout });
      const events = collect(web.coordinator.events(here.ref));
      const run = finish.run.bind(finish);
      const end = jest.spyOn(finish, 'run').mockImplementationOnce(async (...args) => {
        expect(await web.coordinator.cancelTask(here.ref, { detail: 'late' })).toBe(true);
        return run(...args);
      });
      await events.until('ready');
      if (status === 'cancelled') await here.cancel({ detail: 'one' });
      const first = status === 'cancelled' ? cancelled('one') : { kind: 'timeout', of: 'total', timeout };
      const { outcome } = await web.coordinator.start(type, {}, { id: here.id });
      for (const each of [await here.outcome, await outcome])
        expect(each).toMatchObject({ status, reason: first, requests: [first, cancelled('late')] });
      expect((await events.done).at(-1)?.type).toBe(status);
      expect(end).toHaveBeenCalledTimes(2);
      end.mockRestore();
    },
  );

  it('lists those of earlier tries, and counts from the first call', async () => {
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('ready');
        await task.sleep(60_000).catch(() => {});
        task.uncancel();
        throw new Error('again');
      },
      { attempts: 2, backoff: 60_000 },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    await events.until('ready');
    await handle.cancel({ detail: 'one' });
    await events.until('retrying');
    await handle.cancel({ detail: 'two' });
    const { started, durationMs, requests } = await handle.outcome;
    expect(started).toBe(true);
    expect(durationMs).toBeGreaterThan(0);
    expect(requests).toEqual([cancelled('one'), cancelled('two')]);
  });

  it('says what earlier tries have done, also where the last one called no handler', async () => {
    const type = handlerTask(
      () => {
        throw new Error('again');
      },
      { attempts: 2, backoff: 60_000, timeout: 300 },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const worker = await instances.start();
    const handle = await web.coordinator.start(type, {}, { id: 'one' });
    const there = await worker.coordinator.start(type, {}, { id: 'one' });
    for (const { outcome } of [handle, there]) {
      const { status, started, durationMs } = await outcome;
      expect([status, started]).toEqual(['timeout', true]);
      expect(durationMs).toBeGreaterThanOrEqual(200);
    }
  });

  it('says that the handler began, though it has told nothing since and its instance was lost', async () => {
    const hold = deferred();
    let calls = 0;
    @Injectable({ scope: Scope.REQUEST })
    class Silent {
      async process(): Promise<void> {
        calls++;
        await hold.promise;
      }
    }
    StreamTask({ name: 'silent' })(Silent);
    const instances = new Instances(server, [Silent]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(Silent, {});
    await eventually(() => calls === 1);
    // Its news are on their way.
    const record = `${instances.prefix}:{test:silent:${handle.id}}`;
    await eventually(async () => (await server.connect().hget(record, 'facts')) !== null);
    await takeLease(server, instances, handle.ref);
    expect(await handle.outcome).toMatchObject({ status: 'failed', started: true });
    hold.resolve();
  });
});

describeWithRedis('a backoff that gives no delay', [], (server) => {
  it('is warned of once for a task, whichever instances try it', async () => {
    const type = handlerTask(
      () => {
        throw new Error('again');
      },
      { attempts: 3, backoff: () => NaN },
    );
    const instances = new Instances(server, [type]);
    const apps = [await instances.start(), await instances.start()];
    const handle = await apps[0]!.coordinator.start(type, {});
    expect((await handle.outcome).status).toBe('failed');
    const warnings = apps.flatMap(({ logs }) => logs.warnings).filter((line) => line.includes('backoff'));
    expect(warnings).toEqual([expect.stringContaining('gave NaN instead of milliseconds')]);
  });
});
