import { expect, it } from '@jest/globals';
import { runScope } from 'nestjs-streaming';
import { runQuery } from 'nestjs-streaming/postgres';
import { startTask } from '../support/app.js';
import { eventually } from '../support/wait.js';
import { describeQueries, pidOf, start } from './support.js';

describeQueries('a query that is cancelled', (queries) => {
  const { server, createPool, createClient, createProxy, running } = queries;

  it.each([
    ['TCP', () => ({})],
    ['TLS', () => ({ ssl: { rejectUnauthorized: false } })],
    ['a socket of the file system', () => ({ host: server.socketFolder })],
  ])('is cancelled on the server, over %s, and the connection stays', async (_way, config) => {
    const pool = createPool(config());
    const pid = await pidOf(pool);
    const query = start(pool, "SELECT pg_sleep(600), 'long'");
    await eventually(async () => (await running("'long'")) === 1);
    await query.cancel();
    expect(await running("'long'")).toBe(0);
    expect(await pidOf(pool)).toBe(pid);
  });

  it('makes the task cancelled', async () => {
    const pool = createPool();
    const { handle, events } = await startTask((task) => runQuery(task, pool, 'SELECT pg_sleep($1)', [600]));
    await eventually(async () => (await running('pg_sleep($1)')) === 1);
    expect(await handle.cancel()).toBe(true);
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false, abandoned: false });
    expect((await events.done).at(-1)).toMatchObject({ type: 'cancelled' });
    expect(await running('pg_sleep($1)')).toBe(0);
    expect(pool).toMatchObject({ totalCount: 1, idleCount: 1 });
  });

  it('gives way to a time limit of its scope', async () => {
    const pool = createPool();
    const ended = runScope((scope) =>
      scope.timeout(50, (inner) => runQuery(inner, pool, 'SELECT pg_sleep(600)')),
    );
    await expect(ended).rejects.toMatchObject({ name: 'ScopeTimeoutError', timeout: 50 });
  });

  it('fails when the server cancels it by itself', async () => {
    const pool = createPool({ statement_timeout: 50 });
    const { handle } = await startTask((task) => runQuery(task, pool, 'SELECT pg_sleep(600)'));
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { code: '57014' } });
  });

  it('closes the connection of a cancelled query that has begun a transaction', async () => {
    const pool = createPool();
    const pid = await pidOf(pool);
    const query = start(pool, "BEGIN; SELECT pg_sleep(600), 'begun'");
    await eventually(async () => (await running("'begun'")) === 1);
    await query.cancel();
    expect(await pidOf(pool)).not.toBe(pid);
  });

  it('leaves the transaction of your own client aborted, and the client to you', async () => {
    const client = await createClient();
    await client.query('BEGIN');
    const query = start(client, "SELECT pg_sleep(600), 'own'");
    await eventually(async () => (await running("'own'")) === 1);
    await query.cancel();
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query<{ n: number }>('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  // The suite fails on an unhandled rejection, see test/support/setup.ts.
  it('is no unhandled rejection when nothing awaits a query that is cancelled', async () => {
    const pool = createPool();
    await runScope(async (scope) => {
      void runQuery(scope, pool, 'SELECT pg_sleep(60) /* left */');
      await eventually(async () => (await running('left')) === 1);
      scope.cancel();
      void runQuery(scope, pool, 'SELECT 1');
    });
    await eventually(async () => (await running('left')) === 0);
  });

  it('is not sent when it was cancelled before', async () => {
    const pool = createPool();
    await runScope(async (scope) => {
      scope.cancel();
      await expect(runQuery(scope, pool, 'SELECT 1')).rejects.toBe(scope.signal.reason);
    });
    expect(pool.totalCount).toBe(0);
  });

  it('stops waiting for a connection, and gives the one back that comes all the same', async () => {
    const pool = createPool();
    const taken = await pool.connect();
    const query = start(pool, 'CREATE TABLE never (id int)');
    await eventually(() => pool.waitingCount === 1);
    await query.cancel();
    taken.release();
    expect(await eventually(() => pool.idleCount === 1 && pool.waitingCount === 0)).toBe(true);
    const { rows } = await pool.query(`SELECT to_regclass('never') AS found`);
    expect(rows).toEqual([{ found: null }]);
  });

  it('is never sent when its turn on your own client has not come, and does not disturb who has it', async () => {
    const client = await createClient();
    const first = client.query("SELECT pg_sleep(0.3), 'first' AS name");
    const second = start(client, 'CREATE TABLE never (id int)');
    await second.scope;
    await second.cancel();
    expect((await first).rows).toMatchObject([{ name: 'first' }]);
    const { rows } = await client.query(`SELECT to_regclass('never') AS found`);
    expect(rows).toEqual([{ found: null }]);
  });

  it('never hits the next query on the connection, whenever the cancel comes', async () => {
    const pool = createPool();
    const client = await createClient();
    for (let round = 0; round < 150; round++) {
      const db = round % 2 === 0 ? pool : client;
      await runScope(async (scope) => {
        const query = runQuery(scope, db, 'SELECT pg_sleep(0.003)');
        const timer = setTimeout(() => scope.cancel(), round % 10);
        await query.catch((error: unknown) => {
          if (error !== scope.signal.reason) throw error;
        });
        clearTimeout(timer);
      });
      await db.query('SELECT pg_sleep(0.002)');
    }
    expect(pool.totalCount).toBe(1);
  });

  it.each(['a pool', 'your own client'])(
    'closes the connection, of %s, when the server does not answer in time',
    async (kind) => {
      const { proxy, port } = await createProxy();
      const pool = createPool({ port });
      const client = await createClient({ port });
      const db = kind === 'a pool' ? pool : client;
      const text = `SELECT pg_sleep(60), 'unreachable to ${kind}'`;
      const query = start(db, text, undefined, { cancelTimeout: 200 });
      await eventually(async () => (await running(`'unreachable to ${kind}'`)) === 1);
      proxy.accepts = false;
      const began = performance.now();
      await query.cancel();
      expect(performance.now() - began).toBeGreaterThanOrEqual(195);
      // By default it is 5 s.
      expect(performance.now() - began).toBeLessThan(4_000);
      expect(pool.totalCount).toBe(0);
      proxy.accepts = true;
      if (db === client) await expect(client.query('SELECT 1')).rejects.toThrow('not queryable');
      else expect(await pidOf(pool)).toBeGreaterThan(0);
    },
  );
});
