import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import { RedisLogSource } from '../../../lib/bullmq/redis/redis-log-source.js';
import { eventually } from '../../support/wait.js';
import { describeStore, ending, newKey, newTask } from './support.js';

const request = { kind: 'external' } as const;
const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
let timersBefore = 0;
beforeAll(() => {
  timersBefore = timers();
});
// ioredis has a timer of two seconds for each connection of a cluster that was killed.
afterAll(() => eventually(() => timers() <= timersBefore));

const clusters: Cluster[] = [];
afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.disconnect();
});

// A node refuses a script that names or touches keys of two slots, also where it has both.
describeStore(
  'tasks on a Redis cluster',
  ({ server, open }) => {
    function cluster(): Cluster {
      const client = new Cluster([{ host: server.host, port: server.port }], {
        redisOptions: { disconnectTimeout: 100 },
      });
      client.on('error', () => undefined);
      clusters.push(client);
      return client;
    }

    it('take every script', async () => {
      const instance = await open(cluster());
      const { tasks } = instance;
      expect(instance.connection.isSharded).toBe(true);
      for (let n = 0; n < 20; n++) {
        const { keys, lease } = await instance.claimNew({ limits: { events: 3, bytes: 1_000 } });
        const slots = await Promise.all(
          Object.values(keys).map((key: string) => server.connect().cluster('KEYSLOT', key)),
        );
        expect(new Set(slots).size).toBe(1);
        const journal = instance.journal(lease);
        for (let event = 0; event < 5; event++) void journal.append('n', String(event));
        await journal.saveCheckpoint('1');
        await tasks.signal(keys, 'go', '1', 100);
        await tasks.dropSignals(
          lease,
          (await tasks.signals(keys)).map(({ id }) => id),
        );
        expect(
          await journal.release({ event: { type: 'retrying', json: '{}' }, delay: 0, isFree: true }),
        ).toBe('taken');
        const next = await instance.claim(keys);
        const last = instance.journal(next);
        expect(await last.decide()).toBe('taken');
        await last.end('completed', '{}', ending());
        expect(await instance.typesIn(keys)).toEqual(['n', 'retrying', 'completed']);
        expect(await tasks.forget(keys)).toBe(true);
        const key = newKey();
        await tasks.start(tasks.keysOf(key), newTask(key), false);
        expect(await tasks.cancel(tasks.keysOf(key), request, '{}')).toBe('cancelled');
      }
    });

    it('have their news on the shard of each, and instances on all of them', async () => {
      const [writer, reader] = [await open(cluster()), await open(cluster())];
      const { keys, lease } = await writer.claimNew();
      const journal = writer.journal(lease);
      let news = 0;
      let requests = 0;
      new RedisLogSource(reader.connection, reader.news, keys, lease.epoch).onNews(() => news++);
      writer.news.onInstance(writer.tasks.channel, (message) => {
        if (message === keys.record) requests++;
      });
      await eventually(() => news > 0);
      const before = news;
      await journal.append('n', '1');
      await eventually(() => news > before);
      await eventually(async () => {
        await reader.tasks.cancel(keys, request, '{}');
        return requests > 0;
      });
      await server.killConnections();
      // They may be killed before they are heard again.
      await eventually(async () => {
        const known = news;
        await journal.append('n', '2');
        await eventually(() => news > known, { timeout: 500 });
      });
    });
  },
  ['--cluster-enabled', 'yes'],
);
