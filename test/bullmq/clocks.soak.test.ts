import { afterAll, afterEach, expect, it, jest } from '@jest/globals';
import type { TaskEvent, TaskHandle } from 'nestjs-streaming';
import { collect } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { Instances } from './support/instances.js';
import { Flaky } from './support/member-tasks.js';
import { MemberProcesses } from './support/processes.js';

const MINUTES = 5 * 60_000;

const processes = new MemberProcesses();
const leases = { lockDuration: 1_000, stalledInterval: 300 };

afterEach(async () => {
  jest.restoreAllMocks();
  await processes.killAll();
});
afterAll(() => processes[Symbol.dispose]());

/** Says what time it is for who starts a task. */
function setClock(ahead: number): void {
  jest.restoreAllMocks();
  const now = Date.now;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + ahead);
}

/** When a task was started, by the clock of Redis, and what it has sent by then. */
async function storyOf(handle: TaskHandle): Promise<{ createdAt: number; events: TaskEvent[] }> {
  const events = await collect(handle.events()).done;
  return { createdAt: Date.parse((await handle.snapshot()).createdAt), events };
}

describeWithRedis('clocks that differ by minutes', [], (server) => {
  it.each([
    ['ahead', 'ahead', MINUTES, MINUTES],
    ['ahead', 'behind', MINUTES, -MINUTES],
    ['behind', 'ahead', -MINUTES, MINUTES],
    ['behind', 'behind', -MINUTES, -MINUTES],
  ])(
    'change neither `delay` nor `backoff`: %s where it is started, %s where it runs',
    async (_here, _there, here, there) => {
      const instances = new Instances(server, [Flaky]);
      await processes.start(server, instances.prefix, { ...leases, ahead: there });
      const web = await instances.startWeb();
      setClock(here);
      const handle = await web.coordinator.start(Flaky, {}, { id: 'late', delay: 1_000 });
      jest.restoreAllMocks();
      const { createdAt, events } = await storyOf(handle);
      expect(events.map(({ type }) => type)).toEqual([
        'started',
        'retrying',
        'started',
        'retrying',
        'started',
        'completed',
      ]);
      const starts = events.filter(({ type }) => type === 'started').map(({ timestamp }) => timestamp);
      for (const [n, wait] of [1_000, 600, 600].entries()) {
        const before = n === 0 ? createdAt : starts[n - 1]!;
        expect(starts[n]! - before).toBeGreaterThanOrEqual(wait);
        expect(starts[n]! - before).toBeLessThan(wait + 5_000);
      }
      // Nobody has fetched it before its time, to put it back.
      expect(await server.connect().hget(`${instances.prefix}:{test:flaky:late}`, 'fetch')).toBe('3');
    },
  );

  it('leave tasks to whichever instance is free, in their time', async () => {
    const instances = new Instances(server, [Flaky]);
    const members = await Promise.all(
      [MINUTES, 0, -MINUTES].map((ahead) => processes.start(server, instances.prefix, { ...leases, ahead })),
    );
    const pids = members.map(({ pid }) => pid);
    const web = await instances.startWeb();
    const delays = Array.from({ length: 60 }, (_, n) => 10 * n);
    const handles = await Promise.all(delays.map((delay) => web.coordinator.start(Flaky, {}, { delay })));
    const client = server.connect();
    for (const [n, handle] of handles.entries()) {
      const { createdAt, events } = await storyOf(handle);
      expect(pids).toContain(await handle.result);
      const wait = delays[n]! + 1_200;
      expect(events.at(-1)!.timestamp - createdAt).toBeGreaterThanOrEqual(wait);
      expect(events.at(-1)!.timestamp - createdAt).toBeLessThan(wait + 5_000);
      expect(await client.hget(`${instances.prefix}:{test:flaky:${handle.id}}`, 'fetch')).toBe('3');
    }
  });
});
