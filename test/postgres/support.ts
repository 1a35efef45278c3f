import { afterEach, expect } from '@jest/globals';
import { CancelledError, type CancelScope, runScope } from 'nestjs-streaming';
import { runQuery, type RunQueryOptions } from 'nestjs-streaming/postgres';
import { Client, type ClientConfig, Pool, type PoolConfig } from 'pg';
import { describeWithPostgres, type PostgresServer } from '../support/programs/postgres.js';
import { SilentProxy } from '../support/programs/silent-proxy.js';
import { deferred, patience, withTimeout } from '../support/wait.js';

/** Tests of queries on a server of their own. What a test opens there is closed after it. */
export function describeQueries(name: string, fn: (queries: Queries) => void): void {
  describeWithPostgres(name, (server) => fn(queriesOn(server)));
}

export type Queries = ReturnType<typeof queriesOn>;

function queriesOn(server: PostgresServer) {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  function createPool(config: PoolConfig = {}): Pool {
    const pool = new Pool({ ...server.config, max: 1, ...config });
    // At the end the server may be gone before an idle connection has said goodbye.
    pool.on('error', () => undefined);
    ends.push(() => pool.end());
    return pool;
  }

  async function createClient(config: ClientConfig = {}): Promise<Client> {
    const client = new Client({ ...server.config, ...config });
    await client.connect();
    ends.push(() => client.end());
    return client;
  }

  /** What the server is doing: the queries with this mark in their text that run there. */
  async function running(mark: string): Promise<number> {
    const { rows } = await (
      await observer()
    ).query<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()
         AND query LIKE '%' || $1 || '%'`,
      [mark],
    );
    return rows[0]!.count;
  }

  let observing: Promise<Client> | undefined;
  function observer(): Promise<Client> {
    if (!observing) {
      observing = createClient();
      ends.push(() => {
        observing = undefined;
        return Promise.resolve();
      });
    }
    return observing;
  }

  /** A way to the server that can become silent. */
  async function createProxy(): Promise<{ proxy: SilentProxy; port: number }> {
    const proxy = new SilentProxy(server.config);
    const port = await proxy.listen();
    ends.push(() => proxy.close());
    return { proxy, port };
  }

  return { server, createPool, createClient, createProxy, observer, running };
}

/** A query in a scope that the test can cancel. */
export function start(db: Pool | Client, query: string, values?: unknown[], options?: RunQueryOptions) {
  const entered = deferred<CancelScope>();
  const end = deferred<{ rows: unknown[] } | { error: unknown }>();
  void runScope(async (scope) => {
    entered.resolve(scope);
    try {
      end.resolve({ rows: (await runQuery(scope, db, query, values, options)).rows });
    } catch (error) {
      end.resolve({ error });
    }
  });
  return {
    scope: entered.promise,
    end: end.promise,
    async cancel(): Promise<void> {
      const scope = await entered.promise;
      scope.cancel('test');
      const { error } = (await withTimeout(end.promise, patience, 'the end of the query')) as {
        error: unknown;
      };
      expect(error).toBe(scope.signal.reason);
      expect(error).toBeInstanceOf(CancelledError);
    },
  };
}

export async function pidOf(db: Pool | Client): Promise<number> {
  const { rows } = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]!.pid;
}
