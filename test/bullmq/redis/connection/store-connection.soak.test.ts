import { afterEach, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { StoreConnection } from '../../../../lib/bullmq/redis/connection/store-connection.js';
import { StoreUnavailableError } from '../../../../lib/bullmq/errors.js';
import { Mortals } from '../../../cancellation/gc.js';
import { eventually, withTimeout } from '../../../support/wait.js';
import { describeStore, newKey, newTask } from '../support.js';

const request = { kind: 'external' } as const;

describeStore('a connection to Redis', ({ server, open }) => {
  const impostors: Server[] = [];
  afterEach(() => {
    for (const pretended of impostors.splice(0)) pretended.close();
  });

  /** Something that says of itself what a Redis would say. */
  async function impostor(info: readonly string[]): Promise<number> {
    const text = info.join('\r\n');
    const pretended = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        const commands = String(data).match(/\*\d+\r\n/g) ?? [];
        socket.write(`$${text.length}\r\n${text}\r\n`.repeat(commands.length));
      });
    }).listen(0, '127.0.0.1');
    impostors.push(pretended);
    await once(pretended, 'listening');
    return (pretended.address() as { port: number }).port;
  }

  async function failureOf(options: Parameters<typeof StoreConnection.open>[0]): Promise<Error> {
    const opened = StoreConnection.open(options, () => undefined);
    return opened.then(
      () => new Error('It was opened'),
      (error: unknown) => error as Error,
    );
  }

  it('is made by options, by a URL, and with a client of the application, which stays open', async () => {
    const { host, port } = server;
    const client = server.connect();
    for (const options of [{ host, port }, `redis://${host}:${port}`, client]) {
      const instance = await open(options);
      const key = newKey();
      expect(await instance.tasks.start(instance.tasks.keysOf(key), newTask(key), false)).toMatchObject({
        created: true,
      });
      instance.close();
    }
    expect(await client.ping()).toBe('PONG');
  });

  it('has two connections, however much is watched', async () => {
    const instance = await open();
    const client = server.connect();
    for (let n = 0; n < 2_500; n++)
      instance.news.onTask(instance.tasks.keysOf(newKey()).news, () => undefined);
    await eventually(async () => ((await client.pubsub('CHANNELS', '*')) as string[]).length === 2_500);
    const others =
      String(await client.client('LIST'))
        .trim()
        .split('\n').length - 1;
    expect(others).toBe(2);
  });

  it('has settings of its own, whatever those of the application say', async () => {
    const { host, port } = server;
    const given = {
      lazyConnect: true,
      maxRetriesPerRequest: 1,
      enableOfflineQueue: false,
      commandTimeout: 1,
      stringNumbers: true,
      retryStrategy: () => null,
    };
    const query = 'maxRetriesPerRequest=1&enableOfflineQueue=false&stringNumbers=true';
    for (const options of [
      { host, port, ...given },
      `redis://${host}:${port}?${query}`,
      server.connect(given),
    ]) {
      const instance = await open(options);
      const { tasks, connection } = instance;
      const key = newKey();
      await server.killConnections();
      // It is sent while there is no connection.
      const set = connection.client.set(key, '1');
      await eventually(() => connection.subscriber.status === 'ready');
      expect(await set).toBe('OK');
      expect(await connection.client.incr(key)).toBe(2);
      expect(await tasks.start(tasks.keysOf(newKey()), newTask(key), false)).toMatchObject({ created: true });
      instance.close();
    }
  });

  it('goes on where the client of the application is closed', async () => {
    const client = server.connect();
    const instance = await open(client);
    client.disconnect();
    const key = newKey();
    expect(await instance.tasks.start(instance.tasks.keysOf(key), newTask(key), false)).toMatchObject({
      created: true,
    });
  });

  it('fails with a Redis that is too old', async () => {
    const port = await impostor(['redis_version:6.0.16', 'role:master']);
    const failure = await failureOf({ host: '127.0.0.1', port });
    expect(failure.message).toContain('it is version 6.0.16; 6.2 or later is needed');
  });

  it('warns of a policy that drops tasks', async () => {
    const { host, port } = server;
    const admin = server.connect();
    const warnings: string[] = [];
    for (const policy of ['allkeys-lru', 'noeviction']) {
      await admin.config('SET', 'maxmemory-policy', policy);
      (await StoreConnection.open({ host, port }, (text) => warnings.push(text))).close();
    }
    expect(warnings).toEqual([expect.stringContaining('"allkeys-lru"')]);
  });

  it('tells in time that the store does not answer, and goes on when it does', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys } = await instance.claimNew();
    server.pause();
    const asked = tasks.cancel(keys, request, '{}');
    await expect(asked).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    server.goOn();
    expect(await tasks.cancel(keys, request, '{}')).toBe('cancelling');
  });

  it('queues nothing that somebody waits for while Redis is down', async () => {
    const instance = await open();
    const { client } = instance.connection;
    const key = newKey();
    const keys = instance.tasks.keysOf(key);
    await server.kill();
    await eventually(() => client.status !== 'ready');
    const listeners = client.listenerCount('ready');
    const started = instance.tasks.start(keys, newTask(key), false);
    await expect(started).rejects.toThrow(StoreUnavailableError);
    // Who has given up is not kept. ioredis itself listens while it connects.
    await eventually(() => expect(client.listenerCount('ready')).toBe(listeners));
    await server.restart();
    await withTimeout(client.ping(), 10_000, 'the reconnect');
    expect(await instance.read(keys)).toBeUndefined();
  });

  it('keeps nothing of those who have given up while Redis is down', async () => {
    const instance = await open();
    const { client } = instance.connection;
    const listeners = client.listenerCount('ready');
    const mortals = new Mortals();
    await server.kill();
    await eventually(() => client.status !== 'ready');
    await Promise.all(
      [1, 2, 3].map(() =>
        instance.connection
          .inTime(() => client.ping())
          .catch((error: unknown) => mortals.add(error as Error)),
      ),
    );
    expect(await mortals.left()).toBe(0);
    await eventually(() => expect(client.listenerCount('ready')).toBe(listeners));
    await server.restart();
    await withTimeout(client.ping(), 10_000, 'the reconnect');
  });
});
