import { describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { runScope } from 'nestjs-streaming';
import { runQuery, type RunQueryOptions } from 'nestjs-streaming/postgres';
import { type CustomTypesConfig, Pool, type PoolConfig, type QueryConfig } from 'pg';
import { Mortals } from '../cancellation/gc.js';
import { eventually, patience, withTimeout } from '../support/wait.js';
import { describeQueries, pidOf, start } from './support.js';

describeQueries('runQuery', ({ server, createPool, createClient, createProxy, observer, running }) => {
  it('gives the rows, and gives the connection back', async () => {
    const pool = createPool();
    const pid = await pidOf(pool);
    const result = await runScope((scope) =>
      runQuery<{ sum: number }>(scope, pool, 'SELECT $1::int + $2::int AS sum', [1, 2]),
    );
    expect(result!.rows).toEqual([{ sum: 3 }]);
    const config = { text: 'SELECT $1::int AS n', values: [4], rowMode: 'array' as const, name: 'prepared' };
    expect((await runScope((scope) => runQuery(scope, pool, config)))!.rows).toEqual([[4]]);
    expect(await pidOf(pool)).toBe(pid);
    expect(pool.totalCount).toBe(1);
  });

  it('fails as the query does, and gives the connection back', async () => {
    const pool = createPool();
    const pid = await pidOf(pool);
    const wrong = runScope((scope) => runQuery(scope, pool, 'SELECT 1 / $1::int', [0]));
    await expect(wrong).rejects.toMatchObject({ code: '22012' });
    const unknown = runScope((scope) => runQuery(scope, pool, 'SELECT * FROM nowhere'));
    await expect(unknown).rejects.toMatchObject({ code: '42P01' });
    expect(await pidOf(pool)).toBe(pid);
  });

  const circular: { me?: unknown } = {};
  circular.me = circular;

  it.each<[string, QueryConfig, unknown[] | undefined]>([
    ['one name for two texts', { name: 'taken', text: 'SELECT 2' }, undefined],
    ['neither text nor name', {} as QueryConfig, undefined],
    ['values that are no array', { text: 'SELECT $1', values: 5 as unknown as unknown[] }, undefined],
    ['values beside the query that are no array', { text: 'SELECT $1' }, 'ab' as unknown as unknown[]],
    ['a value that cannot be written', { text: 'SELECT $1::text' }, [circular]],
    ['a syntax error', { text: 'SELEC' }, undefined],
  ])('fails as pg does with %s, and gives the connection back', async (_what, query, values) => {
    const messageOf = async (result: Promise<unknown>): Promise<string> =>
      result.then(
        () => 'no error',
        (error: unknown) => (error as Error).message,
      );
    const pool = createPool();
    await pool.query({ name: 'taken', text: 'SELECT 1' });
    const message = await messageOf(pool.query(query, values));
    await pool.query({ name: 'taken', text: 'SELECT 1' });
    const pid = await pidOf(pool);
    const ours = messageOf(runScope((scope) => runQuery(scope, pool, query, values)));
    expect(await withTimeout(ours, patience, 'the error')).toBe(message);
    expect(await pidOf(pool)).toBe(pid);
  });

  it('fails with what pg throws in the middle of sending, and closes the connection', async () => {
    const pool = createPool();
    const pid = await pidOf(pool);
    const query = { text: 'SELECT 1', name: 5 as unknown as string };
    const ended = runScope((scope) => runQuery(scope, pool, query));
    await expect(withTimeout(ended, patience, 'the error')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    expect(await pidOf(pool)).not.toBe(pid);
  });

  it('fails when its turn comes on your own client and pg refuses it, and leaves the client usable', async () => {
    const client = await createClient();
    await client.query({ name: 'taken', text: 'SELECT 1' });
    const first = client.query('SELECT pg_sleep(0.05)');
    const second = runScope((scope) => runQuery(scope, client, { name: 'taken', text: 'SELECT 2' }));
    await expect(withTimeout(second, patience, 'the error')).rejects.toThrow('must be unique');
    await first;
    expect((await client.query<{ n: number }>('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  it('leaves the config object as it is', async () => {
    const pool = createPool();
    const config = Object.freeze({ text: 'SELECT $1::int AS n' });
    class Template {
      get text(): string {
        return config.text;
      }
    }
    for (const query of [config, new Template()]) {
      const result = await runScope((scope) => runQuery(scope, pool, query, [3]));
      expect(result!.rows).toEqual([{ n: 3 }]);
      expect((await pool.query(query, [4])).rows).toEqual([{ n: 4 }]);
    }
  });

  it('takes the parsers of the query and of the client', async () => {
    const types = { getTypeParser: () => () => 'parsed' } as unknown as CustomTypesConfig;
    const query = { text: 'SELECT 1 AS n', types };
    const parsed = await runScope((scope) => runQuery(scope, createPool(), query));
    expect(parsed!.rows).toEqual([{ n: 'parsed' }]);
    const ofPool = await runScope((scope) => runQuery(scope, createPool({ types }), 'SELECT 1 AS n'));
    expect(ofPool!.rows).toEqual([{ n: 'parsed' }]);
  });

  it('does not keep the async context of the call that opened a connection', async () => {
    const storage = new AsyncLocalStorage<object>();
    const pool = createPool({ idleTimeoutMillis: 60_000 });
    const held = new Mortals();
    await (() => {
      const store = { tenant: 'a' };
      held.add(store);
      return storage.run(store, () => runScope((scope) => runQuery(scope, pool, 'SELECT 1')));
    })();
    expect(pool.idleCount).toBe(1);
    expect(await held.left()).toBe(0);
  });

  it('fails as the pool does that gives no connection', async () => {
    const busy = createPool({ connectionTimeoutMillis: 50 });
    const taken = await busy.connect();
    await expect(runScope((scope) => runQuery(scope, busy, 'SELECT 1'))).rejects.toThrow('timeout exceeded');
    taken.release();
    const lost = new Pool({ ...server.config, port: 1 });
    await expect(runScope((scope) => runQuery(scope, lost, 'SELECT 1'))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    await lost.end();
    await expect(runScope((scope) => runQuery(scope, lost, 'SELECT 1'))).rejects.toThrow('after calling end');
  });

  describe('with a query_timeout', () => {
    it.each<[string, PoolConfig, object]>([
      ['of the pool', { query_timeout: 100 }, {}],
      ['of the query', {}, { query_timeout: 100 }],
    ])(
      '%s, ends the query here and on the server, and keeps the connection',
      async (_of, config, timeout) => {
        const pool = createPool({ ...config, max: 1 });
        const pid = await pidOf(pool);
        const query = { text: "SELECT pg_sleep(600), 'limited'", ...timeout };
        await expect(runScope((scope) => runQuery(scope, pool, query))).rejects.toThrow('Query read timeout');
        expect(await running("'limited'")).toBe(0);
        expect(await pidOf(pool)).toBe(pid);
      },
    );

    it('closes the connection when the server does not answer', async () => {
      const { proxy, port } = await createProxy();
      const pool = createPool({ port, query_timeout: 1_000 });
      const pid = await pidOf(pool);
      const query = start(pool, "SELECT pg_sleep(60), 'silent'");
      await eventually(async () => (await running("'silent'")) === 1);
      proxy.accepts = false;
      expect(await withTimeout(query.end, patience, 'the error')).toMatchObject({
        error: { message: 'Query read timeout' },
      });
      proxy.accepts = true;
      expect(await pidOf(pool)).not.toBe(pid);
    });

    it('is not sent when the time is over before its turn comes', async () => {
      const client = await createClient();
      const first = client.query("SELECT pg_sleep(0.3), 'first' AS name");
      const query = { text: 'CREATE TABLE never (id int)', query_timeout: 50 };
      const second = runScope((scope) => runQuery(scope, client, query));
      await expect(second).rejects.toThrow('Query read timeout');
      expect((await first).rows).toMatchObject([{ name: 'first' }]);
      const { rows } = await client.query(`SELECT to_regclass('never') AS found`);
      expect(rows).toEqual([{ found: null }]);
    });
  });

  it('does not give a connection back that is in a transaction', async () => {
    const pool = createPool();
    const pid = await pidOf(pool);
    await runScope((scope) => runQuery(scope, pool, 'BEGIN'));
    const second = await pidOf(pool);
    expect(second).not.toBe(pid);
    const failing = runScope((scope) => runQuery(scope, pool, 'BEGIN; SELECT 1 / 0'));
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(await pidOf(pool)).not.toBe(second);
  });

  it('refuses what it could not cancel', async () => {
    const client = await createClient({ pipeline: true });
    await expect(runScope((scope) => runQuery(scope, client, 'SELECT 1'))).rejects.toThrow('pipeline');
    const cursor = { text: 'SELECT 1', submit: () => undefined };
    await expect(runScope((scope) => runQuery(scope, client, cursor))).rejects.toThrow('a cursor');
    await expect(runScope((scope) => runQuery(scope, client, null as unknown as string))).rejects.toThrow(
      'got null',
    );
    await expect(runScope((scope) => runQuery(scope, undefined as unknown as Pool, ''))).rejects.toThrow(
      'expected a pool or a client of pg, got undefined',
    );
    const options = { cancelTimout: 1 } as RunQueryOptions;
    await expect(runScope((scope) => runQuery(scope, client, '', [], options))).rejects.toThrow(
      'did you mean "cancelTimeout"?',
    );
  });

  it('does not outlive its connection: what the server says last is the error', async () => {
    const pool = createPool();
    const query = start(pool, "SELECT pg_sleep(600), 'lost'");
    await eventually(async () => (await running("'lost'")) === 1);
    await (
      await observer()
    ).query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%''lost''%' AND pid <> pg_backend_pid()`,
    );
    expect(await query.end).toMatchObject({ error: { code: '57P01' } });
    expect(await pidOf(pool)).toBeGreaterThan(0);
  });
});
