import { describe, expect, it, jest } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import {
  CoordinatorService,
  InvalidOptionsError,
  StoreUnavailableError,
  TaskTypeNotFoundError,
} from 'nestjs-streaming';
import { bullmq, type BullmqOptions } from 'nestjs-streaming/bullmq';
import { createTaskApp, handlerTask, type TaskApp } from '../support/app.js';
import { newPrefix } from '../support/app/redis-engine.js';
import { freePort } from '../support/programs/free-port.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { eventually } from '../support/wait.js';
import { InstanceProcess } from './support/instance-process.js';

describeWithRedis('the start and the end of an instance', [], (server) => {
  const task = (name: string): Type => handlerTask(() => 'done', { name });

  function start(
    options: Partial<BullmqOptions> = {},
    tasks = [task('a'), task('b')],
    providers: Type[] = [],
  ): Promise<TaskApp> {
    const { host, port } = server;
    const engine = bullmq({ connection: { host, port }, prefix: newPrefix(), ...options });
    return createTaskApp({ tasks, providers, listen: false, options: { engine } });
  }

  /** Without the one that asks. */
  async function connections(): Promise<number> {
    const client = server.connect();
    const list = String(await client.client('LIST'));
    client.disconnect();
    return list.trim().split('\n').length - 1;
  }

  const noneIsLeft = (): Promise<void> => eventually(async () => expect(await connections()).toBe(0));

  it('stops at an option that is wrong', async () => {
    await expect(start({ prefix: 'a b' })).rejects.toThrow(InvalidOptionsError);
    await expect(start({ connection: undefined as never })).rejects.toThrow(
      /^Wrong option "connection" in bullmq\(\): .*it is missing$/,
    );
  });

  it('stops at a task type in `run` that is not provided, and leaves nothing open', async () => {
    for (const missing of [{ app: 'test', name: 'c' }, task('d')])
      await expect(start({ run: [missing] })).rejects.toThrow(TaskTypeNotFoundError);
    await noneIsLeft();
  });

  it('stops at two task types whose queues would have one name', async () => {
    const types = [
      handlerTask(() => 1, { app: 'a.b', name: 'c' }),
      handlerTask(() => 2, { app: 'a', name: 'b.c' }),
    ];
    const starting = start({ prefix: 'same' }, types);
    await expect(starting).rejects.toThrow(
      /^The task types a(\.b\/|\/b\.)c and a(\.b\/|\/b\.)c would share the queue "same\.a\.b\.c"; give one/,
    );
    await expect(starting).rejects.toMatchObject({ code: 'TASK_TYPE_CONFLICT' });
    await noneIsLeft();
  });

  it('stops in time where Redis cannot be reached, and names it', async () => {
    const port = await freePort();
    const started = performance.now();
    const starting = start({ connection: `redis://user:geheim@127.0.0.1:${port}` });
    await expect(starting).rejects.toThrow(StoreUnavailableError);
    await expect(starting).rejects.toThrow(
      `Redis at 127.0.0.1:${port} cannot be used: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('says in the log where its tasks run, and no password', async () => {
    const { host, port } = server;
    const admin = server.connect();
    await admin.call('ACL', 'SETUSER', 'member', 'on', '>geheim', '~*', '&*', '+@all');
    const { logs, close } = await start({
      connection: `redis://member:geheim@${host}:${port}/2`,
      prefix: 'shop',
    });
    await close();
    await admin.call('ACL', 'DELUSER', 'member');
    expect(logs.lines).toContainEqual({
      level: 'log',
      context: 'Streaming',
      text: `Tasks run on Redis ${host}:${port}, prefix "shop"`,
    });
    expect(JSON.stringify(logs.lines)).not.toContain('geheim');
  });

  it('warns once of a policy that drops tasks', async () => {
    const admin = server.connect();
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    // BullMQ would warn of it there, for each of its connections.
    const warn = jest.spyOn(console, 'warn');
    try {
      const { logs, coordinator } = await start();
      expect(await (await coordinator.start({ app: 'test', name: 'a' }, {})).result).toBe('done');
      expect(warn).not.toHaveBeenCalled();
      expect(logs.warnings).toEqual([expect.stringContaining('"allkeys-lru"')]);
    } finally {
      warn.mockRestore();
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
    }
  });

  it.each([
    [true, ['a', 'b'], 8],
    [[{ app: 'test', name: 'a' }], ['a'], 6],
    [false, [], 4],
  ])('with run: %j takes no more connections than it says', async (run, running, most) => {
    const types = [task('a'), task('b')];
    const app = await start({ run }, types);
    const handles = await Promise.all(
      types.flatMap((type) => Array.from({ length: 20 }, () => app.coordinator.start(type, {}))),
    );
    const subscriptions = handles.map((handle) => handle.events().subscribe());
    const ran = handles.filter(({ ref }) => running.includes(ref.name));
    await Promise.all(ran.map(({ result }) => result));
    expect(await connections()).toBeLessThanOrEqual(most);
    for (const subscription of subscriptions) subscription.unsubscribe();
    await app.close();
    await noneIsLeft();
  });

  it('has a client of the application stay open, and no other', async () => {
    const client = server.connect();
    const app = await start({ connection: client });
    expect(await (await app.coordinator.start({ app: 'test', name: 'a' }, {})).result).toBe('done');
    await app.close();
    expect(await client.ping()).toBe('PONG');
    await eventually(async () => expect(await connections()).toBe(1));
  });

  it('runs a task whose end a hook of the application waits for', async () => {
    const results: unknown[] = [];
    @Injectable()
    class Warming {
      constructor(private readonly coordinator: CoordinatorService) {}

      async onModuleInit(): Promise<void> {
        results.push(await (await this.coordinator.start({ app: 'test', name: 'a' }, {})).result);
      }
    }
    await start({}, [task('a')], [Warming]);
    expect(results).toEqual(['done']);
  });

  it('closes an application whose start has failed', async () => {
    const closes: (() => Promise<void>)[] = [];
    const { host, port } = server;
    const starting = createTaskApp({
      tasks: [task('a'), task('a')],
      listen: false,
      options: { engine: bullmq({ connection: { host, port } }) },
      configure: (app) => closes.push(() => app.close()),
    });
    await expect(starting).rejects.toMatchObject({ code: 'TASK_TYPE_CONFLICT' });
    for (const close of closes) await close();
    await noneIsLeft();
  });

  describe('as a process', () => {
    it.each([
      ['hook-fails', ['A hook has failed']],
      ['missing-type', [expect.stringContaining('app/Missing')]],
      ['closes', ['started', 'done', 'closed']],
    ])('ends by itself: %s', async (mode, lines) => {
      await using instance = new InstanceProcess(server.port, mode);
      await instance.ended();
      expect(instance.lines).toEqual(lines);
    });

    it('stays alive to run tasks, until it is told to end', async () => {
      await using instance = new InstanceProcess(server.port, 'runs');
      await instance.said('started');
      await expect(instance.ended(1_000)).rejects.toThrow('Not within');
      instance.stop('SIGTERM');
      await instance.ended();
      await noneIsLeft();
    });
  });
});
