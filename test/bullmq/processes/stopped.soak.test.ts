import { afterAll, afterEach, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import type { TaskRef } from 'nestjs-streaming';
import { keysOf } from '../../../lib/bullmq/redis/task-keys.js';
import { collect } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { eventually } from '../../support/wait.js';
import { Instances } from '../support/instances.js';
import { Once, Resumed, Tried, Waiting } from '../support/member-tasks.js';
import { MemberProcesses } from '../support/processes.js';
import { expectWhole } from '../support/whole.js';

const processes = new MemberProcesses();
const leases = { lockDuration: 1_000, stalledInterval: 300 };
const types = { once: Once, resumed: Resumed, tried: Tried };
const ends = ['writes', 'returns', 'throws', 'commits'];

afterEach(() => processes.killAll());
afterAll(() => processes[Symbol.dispose]());

/** All that Redis has of a task. */
async function stateOf(client: Redis, prefix: string, { app, name, id }: TaskRef): Promise<unknown> {
  const { record, log, requests, signals } = keysOf(prefix, `${app}:${name}:${id}`);
  const queue = `${prefix}.${app}.${name}`;
  return {
    record: await client.hgetall(record),
    log: await client.xrange(log, '-', '+'),
    requests: await client.lrange(requests, 0, -1),
    signals: await client.hgetall(signals),
    job: await client.hgetall(`{${queue}}:${queue}:${id}`),
    isActive: (await client.lpos(`{${queue}}:${queue}:active`, id)) !== null,
  };
}

describeWithRedis('an instance that is stopped for longer than its leases last', [], (server) => {
  it('writes nothing when it goes on: no event, progress, checkpoint, result, terminal event', async () => {
    const instances = new Instances(server, [Once, Resumed, Tried, Waiting]);
    const { prefix } = instances;
    const web = await instances.startWeb();
    const first = await processes.start(server, prefix, leases);
    const tasks = await Promise.all(
      Object.entries(types).flatMap(([name, type]) =>
        [...ends, ...ends, ...ends].map(async (end) => {
          const handle = await web.coordinator.start(type, { body: 'zombie', end });
          return { name, end, handle, events: collect(handle.events()) };
        }),
      ),
    );
    await Promise.all(tasks.map(({ events }) => events.until((event) => event.data === 10)));
    first.signal('SIGSTOP');
    const second = await processes.start(server, prefix, { ...leases, run: Object.keys(types) });
    await Promise.all(tasks.map(({ name, events }) => events.until(name === 'once' ? 'failed' : 'again')));
    const client = server.connect();
    const states = (): Promise<unknown[]> =>
      Promise.all(tasks.map(({ handle }) => stateOf(client, prefix, handle.ref)));
    const before = await states();

    first.signal('SIGCONT');
    for (const { handle } of tasks) await first.said(`settled ${handle.id}`);
    // The others have decided what they end as by then.
    for (const { handle, end } of tasks) if (end === 'writes') await first.said(`aborted ${handle.id} lost`);
    // It alone runs this: what it has written before is in Redis by then.
    const alone = await web.coordinator.start(Waiting, { body: 'rows', events: 0, pause: 0 });
    await web.coordinator.signal(alone.ref, 'go', 'hello');
    await collect(alone.events()).until((event) => event.data === 'hello');
    await delay(300);
    expect(await states()).toEqual(before);

    for (const { name, handle, events } of tasks) {
      if (name !== 'once') await web.coordinator.signal(handle.ref, 'end', 'second');
      const all = await events.done;
      expectWhole(all);
      expect(events.types.filter((type) => type === 'zombie')).toEqual([]);
      expect(all.at(-1)).toMatchObject(
        name === 'once' ? { data: { errorType: 'WorkerLost' } } : { data: { finalValue: 'second' } },
      );
      expect(processes.callsOf(handle.ref).map(({ attempt }) => attempt)).toEqual(
        name === 'once' ? [1] : [1, 2],
      );
    }
    // It goes on: it takes new tasks, and so it does alone.
    second.signal('SIGKILL');
    const next = await web.coordinator.start(Resumed, { body: 'rows', events: 1, pause: 1 });
    expect(await next.result).toBe(first.pid);
    await eventually(() => expect(first.calls.at(-1)).toMatchObject({ id: next.id }));
  });
});
