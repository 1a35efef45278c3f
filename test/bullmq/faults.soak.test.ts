import { expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { collect, handlerTask } from '../support/app.js';
import { call } from '../support/clients/http-client.js';
import { watch } from '../support/clients/open-clients.js';
import { openStream } from '../support/clients/sse.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';

describeWithRedis('Redis that fails', [], (server) => {
  it('loses all connections: no event is lost or doubled, and a cancel right after it comes through', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      for (let n = 0; ; n++) {
        void task.sendEvent('n', n);
        await task.sleep(1);
      }
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const handle = await web.coordinator.start(type, {});
    const events = collect(handle.events());
    for (let round = 1; round <= 5; round++) {
      await events.until((event) => event.type === 'n' && event.data === round * 30);
      await server.killConnections();
    }
    const began = performance.now();
    await handle.cancel();
    const all = await events.done;
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(all.at(-1)?.type).toBe('cancelled');
    expect(all.map(({ id }) => Number(id.split('-')[1]))).toEqual(all.map((_event, n) => n + 1));
    const numbers = all.filter((event) => event.type === 'n').map(({ data }) => data);
    expect(numbers).toEqual(numbers.map((_data, n) => n));
  });

  it('runs what is started after all connections were lost', async () => {
    const type = handlerTask(() => 'done');
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    await instances.start();
    const first = await web.coordinator.start(type, {});
    expect(await first.result).toBe('done');
    await server.killConnections();
    const began = performance.now();
    const second = await web.coordinator.start(type, {});
    expect(await second.result).toBe('done');
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('loses all connections again and again: each signal that was accepted reaches the handler once, in order', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      const taken: unknown[] = [];
      for (let n = 0; n < 60; n++) taken.push(await task.waitForSignal('go'));
      return taken;
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb({ listen: true });
    await instances.start();
    const { ref, result } = await web.coordinator.start(type, {});
    const url = `${web.url}/${ref.app}/${ref.name}/${ref.id}/signals/go`;
    const accepted: unknown[] = [];
    for (let n = 0; n < 60; n++) {
      const cut = n % 6 === 3 ? server.killConnections() : undefined;
      // One that is refused is sent again: it was not taken.
      await eventually(async () => (await call('POST', url, { json: { n } })).status === 202);
      accepted.push({ n });
      await cut;
    }
    expect(await result).toEqual(accepted);
  });

  it.each(['is emptied', 'comes back empty'])(
    '%s: handlers are aborted with "lost", watchers get a gap and the end',
    async (how) => {
      const reasons: unknown[] = [];
      const type = handlerTask(async (task: TaskContext) => {
        await task.sendEvent('running');
        try {
          await task.sleep(60_000);
        } finally {
          reasons.push(task.reason);
        }
      });
      const instances = new Instances(server, [type]);
      const web = await instances.startWeb({ listen: true });
      await instances.start();
      const handle = await web.coordinator.start(type, {});
      const events = collect(web.coordinator.events(handle.ref));
      await events.until('running');
      const other = await web.coordinator.start(type, {});
      const paths = [handle, other].map(({ ref }) => `${ref.app}/${ref.name}/${ref.id}`);
      const alone = await watch(`${web.url}/${paths[0]!}`);
      const listed = await watch(`${web.url}/events?${paths.map((path) => `task=${path}`).join('&')}`);
      await alone.next('running');
      await listed.next('running');
      if (how === 'is emptied') await server.connect().flushall();
      else {
        await server.kill();
        await server.restart();
      }
      await eventually(() => expect(reasons).toEqual([{ kind: 'lost' }, { kind: 'lost' }]));
      const before = await events.done;
      await Promise.all([alone.ended, listed.ended]);
      const lost = { cause: 'unknown-id', missed: null, snapshot: null };
      const gap = before.at(-1)!;
      expect([gap.type, gap.data, gap.id]).toEqual(['gap', lost, before.at(-2)?.id]);
      expect(alone.events.at(-1)).toMatchObject({ type: 'gap', data: lost, id: alone.events.at(-2)?.id });
      expect(listed.events.filter(({ type: of }) => of === 'gap').map(({ data }) => data)).toEqual([
        expect.objectContaining({ data: lost }),
        expect.objectContaining({ data: lost }),
      ]);
      const back = await openStream(`${web.url}/${paths[0]!}`, { headers: { 'last-event-id': gap.id } });
      expect(back.status).toBe(404);
      expect((await handle.outcome).status).toBe('failed');
      expect(await web.coordinator.get(handle.ref)).toBeUndefined();
      // The instances go on.
      const next = await web.coordinator.start(type, {});
      const again = collect(next.events());
      await again.until('running');
      await next.cancel();
      expect((await again.done).at(-1)?.type).toBe('cancelled');
    },
  );

  it('forgets its scripts', async () => {
    const type = handlerTask(() => 'done');
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    await server.connect().script('FLUSH');
    expect(await (await app.coordinator.start(type, {})).result).toBe('done');
  });

  it('leaves nothing behind but what BullMQ keeps of its queues', async () => {
    const type = handlerTask((task: TaskContext<{ fail: boolean }>) => {
      if (task.input.fail) throw new Error('no');
    });
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    const handles = await Promise.all(
      [true, false].map((fail) => app.coordinator.start(type, { fail }, { priority: 5 })),
    );
    const waiting = await app.coordinator.start(type, { fail: false }, { delay: 60_000 });
    await waiting.cancel();
    for (const handle of [...handles, waiting]) await handle.outcome;
    const client = server.connect();
    const left = async (): Promise<string[]> => {
      const keys = await client.keys(`*${instances.prefix}*`);
      const ttls = await Promise.all(keys.map((key) => client.pttl(key)));
      return keys.filter((_key, n) => ttls[n] === -1).map((key) => key.split(':').at(-1)!);
    };
    await eventually(async () =>
      expect((await left()).filter((key) => !['meta', 'events', 'id', 'pc', 'marker'].includes(key))).toEqual(
        [],
      ),
    );
  });
});
