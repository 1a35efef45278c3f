import { afterAll, afterEach, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { collect } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { Instances } from '../support/instances.js';
import { Once } from '../support/member-tasks.js';
import { MemberProcesses } from '../support/processes.js';
import { Random } from '../support/random.js';
import { expectWhole } from '../support/whole.js';

const processes = new MemberProcesses();

afterEach(() => processes.killAll());
afterAll(() => processes[Symbol.dispose]());

describeWithRedis('cancels behind the loss of all connections', [], (server) => {
  const random = new Random();
  it(`200 running tasks: each watcher on another instance has the terminal event within 3 s ${random.title}`, async () => {
    const instances = new Instances(server, [Once]);
    const [starter, watcher] = [await instances.startWeb(), await instances.startWeb()];
    await Promise.all([1, 2].map(() => processes.start(server, instances.prefix)));
    const tasks = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const handle = await starter.coordinator.start(Once, { body: 'rows', events: 10_000, pause: 200 });
        return { handle, events: collect(watcher.coordinator.events(handle.ref)) };
      }),
    );
    await Promise.all(tasks.map(({ events }) => events.until('n')));

    await server.killConnections();
    const times = await Promise.all(
      tasks.map(async ({ handle, events }) => {
        // The first come when nobody has noticed it, the last when all are connected again.
        await delay(random.below(400));
        const began = performance.now();
        expect(await handle.cancel()).toBe(true);
        await events.done;
        return performance.now() - began;
      }),
    );

    expect(Math.max(...times)).toBeLessThan(3_000);
    for (const { handle, events } of tasks) {
      expectWhole(events.events);
      expect(events.types.at(-1)).toBe('cancelled');
      expect(processes.callsOf(handle.ref)).toHaveLength(1);
    }
  });
});
