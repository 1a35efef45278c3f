import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { inspect } from 'node:util';
import { StreamingError, StoreUnavailableError } from 'nestjs-streaming';
import {
  StoreConnection,
  type StoreConnectionOptions,
} from '../../../lib/bullmq/redis/connection/store-connection.js';
import { freePort } from '../../support/programs/free-port.js';
import { eventually } from '../../support/wait.js';
import { describeStore } from './support.js';

const SECRET = 'geheim';

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
let timersBefore = 0;
beforeAll(() => {
  timersBefore = timers();
});
// ioredis has timers of two seconds for sentinels and for the nodes of a cluster.
afterAll(() => eventually(() => timers() <= timersBefore));

/** What it fails with. Nothing of it tells the password, however it is printed. */
async function failureOf(options: StoreConnectionOptions): Promise<string> {
  let failure: unknown;
  try {
    const connection = await StoreConnection.open(options, () => undefined, 500);
    connection.close();
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(StoreUnavailableError);
  expect(failure).toBeInstanceOf(StreamingError);
  expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(SECRET);
  return (failure as Error).message;
}

describeStore('the start with a Redis that cannot be used', ({ server }) => {
  const servers: Server[] = [];
  const clients: (Redis | Cluster)[] = [];
  afterEach(() => {
    for (const pretended of servers.splice(0)) pretended.close();
    for (const client of clients.splice(0)) client.disconnect();
  });

  /** With the one that asks. */
  async function connections(): Promise<number> {
    const client = server.connect();
    const list = String(await client.client('LIST'));
    client.disconnect();
    return list.trim().split('\n').length;
  }

  it('names host and port where nothing listens, also of a name with several addresses', async () => {
    const port = await freePort();
    expect(await failureOf({ host: '127.0.0.1', port, password: SECRET })).toBe(
      `Redis at 127.0.0.1:${port} cannot be used: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    const ofName = await failureOf(`redis://user:${SECRET}@localhost:${port}/0`);
    expect(ofName).toMatch(new RegExp(`^Redis at localhost:${port} cannot be used: .*ECONNREFUSED`));
  });

  it('says after a second what it waits for, once, and goes on when that is there', async () => {
    const port = await freePort();
    const warnings: string[] = [];
    const opening = StoreConnection.open({ host: '127.0.0.1', port }, (message) => warnings.push(message));
    const late = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(connect(server.port, server.host).on('error', () => undefined)).pipe(socket);
    });
    servers.push(late);
    await eventually(() => expect(warnings).toHaveLength(1));
    late.listen(port, '127.0.0.1');
    (await opening).close();
    expect(warnings).toEqual([
      `Waiting for Redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    ]);
  });

  it('names the socket, the sentinels or the nodes of a cluster', async () => {
    const port = await freePort();
    expect(await failureOf({ path: '/nowhere/redis.sock' })).toMatch(
      /^Redis at \/nowhere\/redis\.sock cannot be used: .*ENOENT/,
    );
    const sentinels = [{ host: '127.0.0.1', port }];
    expect(await failureOf({ sentinels, name: 'main', sentinelPassword: SECRET })).toMatch(
      new RegExp(`^Redis at "main" of the sentinels 127\\.0\\.0\\.1:${port} cannot be used: `),
    );
    // Nothing listens there, while a port that is free now may be taken at any time.
    const nodes = [`redis://:${SECRET}@127.0.0.1:2`, { host: '127.0.0.1', port: 1 }];
    const cluster = new Cluster(nodes, { lazyConnect: true, redisOptions: { password: SECRET } });
    cluster.on('error', () => undefined);
    clients.push(cluster);
    expect(await failureOf(cluster)).toMatch(
      /^Redis at the cluster 127\.0\.0\.1:2, 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/,
    );
  });

  it('says that there is no answer, where connections are taken and nothing is said', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    servers.push(silent);
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    expect(await failureOf({ host: '127.0.0.1', port })).toBe(
      `Redis at 127.0.0.1:${port} cannot be used: it does not answer`,
    );
  });

  it('says that there is no answer where Redis hangs behind the first one', async () => {
    const { host, port } = server;
    const failed = failureOf({ host, port });
    server.pause();
    try {
      expect(await failed).toContain(`Redis at ${host}:${port} cannot be used: `);
    } finally {
      server.goOn();
    }
  });

  it('says at once that a password is wrong or missing, however it is given', async () => {
    const { host, port } = server;
    const admin = server.connect();
    await admin.config('SET', 'requirepass', 'right');
    try {
      const client = new Redis({ host, port, password: SECRET, lazyConnect: true });
      clients.push(client);
      const place = `^Redis at ${host}:${port} cannot be used: `;
      for (const options of [{ host, port, password: SECRET }, `redis://:${SECRET}@${host}:${port}`, client])
        expect(await failureOf(options)).toMatch(new RegExp(`${place}WRONGPASS`));
      expect(await failureOf({ host, port })).toMatch(new RegExp(`${place}NOAUTH`));
    } finally {
      await admin.auth('right');
      await admin.config('SET', 'requirepass', '');
    }
  });

  it('says what a user of it may not do', async () => {
    const { host, port } = server;
    const admin = server.connect();
    await admin.call('ACL', 'SETUSER', 'guest', 'on', `>${SECRET}`, '+ping');
    // ioredis would write there that it cannot look whether Redis is ready.
    const warn = jest.spyOn(console, 'warn');
    const given = { host, port, username: 'guest', password: SECRET };
    const client = new Redis({ ...given, lazyConnect: true });
    clients.push(client);
    try {
      for (const options of [given, `redis://guest:${SECRET}@${host}:${port}`, client])
        expect(await failureOf(options)).toMatch(/NOPERM/);
      expect(warn).not.toHaveBeenCalled();
    } finally {
      warn.mockRestore();
    }
    await admin.call('ACL', 'DELUSER', 'guest');
  });

  it('says that there is no such database', async () => {
    const { host, port } = server;
    expect(await failureOf({ host, port, db: 99 })).toMatch(/DB index is out of range/);
  });

  it('refuses a replica, which cannot be written to', async () => {
    const { host, port } = server;
    const admin = server.connect();
    await admin.call('REPLICAOF', '127.0.0.1', await freePort());
    try {
      expect(await failureOf({ host, port })).toBe(
        `Redis at ${host}:${port} cannot be used: it is a replica, which cannot be written to; connect to its master`,
      );
    } finally {
      await admin.call('REPLICAOF', 'NO', 'ONE');
    }
  });

  it('leaves no connection open', async () => {
    const { host, port } = server;
    const before = await connections();
    await failureOf({ host, port, db: 99 });
    await eventually(async () => expect(await connections()).toBe(before));
  });
});

describeStore(
  'the start with a Redis cluster that cannot be used',
  ({ server }) => {
    it('says at once that a password is wrong, and never tells it', async () => {
      const { host, port } = server;
      const admin = server.connect();
      await admin.config('SET', 'requirepass', 'right');
      const cluster = new Cluster([{ host, port }], { redisOptions: { password: SECRET } });
      cluster.on('error', () => undefined);
      try {
        expect(await failureOf(cluster)).toMatch(
          new RegExp(`^Redis at the cluster ${host}:${port} cannot be used: .*WRONGPASS`),
        );
      } finally {
        cluster.disconnect();
        await admin.auth('right');
        await admin.config('SET', 'requirepass', '');
      }
    });
  },
  ['--cluster-enabled', 'yes'],
);
