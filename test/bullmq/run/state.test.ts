import { expect, it } from '@jest/globals';
import type { StreamTaskOptions, TaskContext } from 'nestjs-streaming';
import { collect, handlerTask } from '../../support/app.js';
import { watch } from '../../support/clients/open-clients.js';
import { foldSeen, noTally, tallied, tallies, tallyOf } from '../../support/folding.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { deferred } from '../../support/wait.js';
import { Instances } from '../support/instances.js';

const folding = { ...(tallies as StreamTaskOptions), resumable: true };

describeWithRedis('the state of a task on many instances', [], (server) => {
  it('goes on where its task does: by a hand-over no event is missed or folded twice', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      for (let n = 1; n <= 10; n++) void task.sendEvent('n', n);
      await task.sendEvent('sent');
      if (task.attempt > 1) return;
      try {
        await task.sleep(60_000);
      } finally {
        await task.sendEvent('cleaned');
      }
    }, folding);
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb({ listen: true });
    const first = await instances.start();
    const handle = await web.coordinator.start(type, {});
    expect(await handle.snapshot()).toMatchObject({ state: noTally });
    const events = collect(handle.events());
    await events.until('sent');
    const { app, name, id } = handle.ref;
    const late = await watch(`${web.url}/${app}/${name}/${id}?from=state`);
    await late.next('state');
    await first.coordinator.shutdown({ timeout: 2_000 });
    expect(await handle.snapshot()).toMatchObject({
      state: { types: { started: 1, n: 10, sent: 1, cleaned: 1, retrying: 1 } },
    });

    await instances.start();
    const all = await events.done;
    await late.ended;
    const { state } = await handle.snapshot();
    expect(state).toEqual(all.reduce(tallied, noTally));
    expect(state).toMatchObject({ sum: 110, types: { started: 2, n: 20, retrying: 1, completed: 1 } });
    expect(foldSeen(late.events)).toEqual(state);
  });

  it('is the same on every instance, with and without news that hold it', async () => {
    const go = deferred<void>();
    const type = handlerTask(
      async (task: TaskContext) => {
        for (let n = 1; n <= 30; n++) {
          await task.sendEvent('n', n);
          // Some news are too long to be told.
          if (n % 10 === 0) await task.sendEvent('large', 'x'.repeat(20_000));
          if (n === 15) await go.promise;
        }
      },
      { ...folding, replay: { events: 5 } },
    );
    const instances = new Instances(server, [type]);
    const [one, other] = await Promise.all([
      instances.start({ listen: true }),
      instances.startWeb({ listen: true }),
    ]);
    const handle = await one.coordinator.start(type, {}, { id: 'seen' });
    const { app, name, id } = handle.ref;
    const urls = [one, other].map(({ url }) => `${url}/${app}/${name}/${id}?from=state`);
    const early = await Promise.all(urls.map((url) => watch(url)));
    await Promise.all(
      early.map((stream) => stream.next((event) => event.data === 15 || event.type === 'state')),
    );
    go.resolve();
    await handle.result;
    const late = await Promise.all(urls.map((url) => watch(url)));
    const whole = tallyOf(30, { large: 3, completed: 1 });
    for (const stream of [...early, ...late]) {
      await stream.ended;
      expect(foldSeen(stream.events)).toEqual(whole);
    }
    for (const { coordinator } of [one, other])
      expect(await coordinator.get(handle.ref)).toMatchObject({ state: whole });
  });

  it('that cannot be folded behind a hand-over makes the task fail, in place of going on', async () => {
    const type = handlerTask(
      async (task: TaskContext) => {
        await task.sendEvent('begun');
        await task.sleep(60_000);
      },
      {
        resumable: true,
        state: {
          initial: 0,
          reduce(count, { type: event }) {
            if (event === 'retrying') throw new Error('No');
            return (count as number) + 1;
          },
        },
      },
    );
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    const first = await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    await events.until('begun');
    expect(await first.coordinator.shutdown({ timeout: 2_000 })).toMatchObject({ failed: 1, handedOver: [] });
    await events.done;
    expect(events.types).toEqual(['started', 'begun', 'failed']);
    expect(await handle.snapshot()).toMatchObject({
      status: 'failed',
      state: 2,
      error: { errorType: 'InvalidStateError' },
    });
  });
});
