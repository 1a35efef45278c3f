import { expect, it } from '@jest/globals';
import { type ListedTask, TaskIndex } from '../../../lib/bullmq/redis/task-index.js';
import { eventually } from '../../support/wait.js';
import { describeStore, ending, type Instance, newKey, newTask } from './support.js';

describeStore('the list of tasks in Redis', ({ server, open }) => {
  async function indexOf(
    instance: Instance,
    mostEnded = 100,
  ): Promise<{ index: TaskIndex; excess: string[] }> {
    await instance.connection.client.flushall();
    const excess: string[] = [];
    const index = new TaskIndex(instance.connection, 'test', mostEnded, (keys) => excess.push(...keys));
    return { index, excess };
  }

  async function allOf(index: TaskIndex, limit: number): Promise<string[]> {
    const keys: string[] = [];
    let behind: ListedTask | undefined;
    for (;;) {
      const page = await index.page(behind, limit);
      keys.push(...page.map(({ key }) => key));
      behind = page.at(-1);
      if (page.length < limit) return keys;
    }
  }

  it('has each once, newest first, in pages of any length, though many have one time', async () => {
    const instance = await open();
    const { index } = await indexOf(instance);
    const keys = Array.from({ length: 50 }, () => newKey());
    const { client } = instance.connection;
    const now = async (): Promise<number> => {
      const [seconds, micros] = await client.time();
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    };
    for (const half of [keys.slice(0, 25), keys.slice(25)]) {
      await Promise.all(half.map((key) => index.add(key)));
      const time = await now();
      await eventually(async () => (await now()) > time);
    }
    await index.add(keys[0]!);
    for (const limit of [1, 7, 50, 51]) {
      const listed = await allOf(index, limit);
      expect(listed).toHaveLength(50);
      expect(new Set(listed.slice(0, 25))).toEqual(new Set(keys.slice(25)));
      expect(new Set(listed.slice(25))).toEqual(new Set(keys.slice(0, 25)));
    }
    await index.restarted(keys[3]!);
    expect((await index.page(undefined, 1))[0]!.key).toBe(keys[3]);
  });

  it('is written once for all that is listed in one turn', async () => {
    const instance = await open();
    const { index } = await indexOf(instance);
    const client = server.connect();
    const calls = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    await index.add(newKey());
    const before = await calls();
    await Promise.all(Array.from({ length: 20 }, () => index.add(newKey())));
    expect(await calls()).toBe(before + 1);
  });

  it('names the oldest ended tasks where there are too many, each once, and lists them no more', async () => {
    const { index, excess } = await indexOf(await open(), 2);
    const keys = Array.from({ length: 4 }, () => newKey());
    for (const [n, key] of keys.entries()) {
      await index.add(key);
      await index.ended(key, 60_000 + n);
    }
    expect(excess).toEqual([keys[0], keys[1]]);
    expect(await allOf(index, 10)).toEqual([keys[3], keys[2]]);
  });

  it('forgets what is gone, and nothing else', async () => {
    const instance = await open();
    const { index } = await indexOf(instance);
    const [gone, lost, young, kept] = [newKey(), newKey(), newKey(), newKey()];
    await instance.tasks.start(instance.tasks.keysOf(kept), newTask(kept), false);
    for (const key of [gone, lost, young, kept]) await index.add(key);
    await index.ended(gone, 0);
    // It was never said that this one has ended; and a task that is being started is not there yet.
    await server.connect().zadd('test:{tasks}:all', 1, lost, 2, kept);
    await index.sweep();
    expect(await allOf(index, 10)).toEqual([young, kept]);
  });

  it('goes by itself with the last task that ended', async () => {
    const instance = await open();
    const { index } = await indexOf(instance);
    const client = server.connect();
    const { keys, lease } = await instance.claimNew({ retention: 100 });
    const key = keys.record.slice('test:{'.length, -1);
    await index.add(key);
    expect(await client.pttl('test:{tasks}:all')).toBe(-1);
    await instance.journal(lease).end('completed', '{}', ending());
    await index.ended(key, 100);
    await eventually(async () => (await client.keys('*')).length === 0);
  });
});
