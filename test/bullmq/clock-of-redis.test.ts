import { afterEach, expect, it, jest } from '@jest/globals';
import { collect, handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { Instances } from './support/instances.js';

const MINUTES = 5 * 60_000;

describeWithRedis('the clock of an instance', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([MINUTES, -MINUTES])('says nothing of `delay` and `backoff`: ahead by %d', async (ahead) => {
    const type = handlerTask(
      () => {
        throw new Error('no');
      },
      { attempts: 2, backoff: 300 },
    );
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    const now = Date.now;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + ahead);
    const handle = await app.coordinator.start(type, {}, { delay: 400 });
    const events = await collect(handle.events()).done;
    const { createdAt } = await handle.snapshot();
    const [first, , second] = events.map(({ timestamp }) => timestamp) as [number, number, number];
    expect(first - Date.parse(createdAt)).toBeGreaterThanOrEqual(400);
    expect(second - first).toBeGreaterThanOrEqual(300);
    expect(events.at(-1)!.timestamp - Date.parse(createdAt)).toBeLessThan(5_000);
    // Each was fetched once: none before its time, to be put back.
    const record = `${instances.prefix}:{${app.coordinator.getTaskKey(handle.ref.app, handle.ref.name, handle.id)}}`;
    expect(await server.connect().hget(record, 'fetch')).toBe('2');
  });
});
