import type { ClientBase, Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { inRootContext } from '../cancellation/async-context.js';
import type { CancelScope } from '../cancellation/scope/cancel-scope.js';
import { runIn } from '../cancellation/scope/run-external.js';
import { whenCancelled } from '../cancellation/scope/when-cancelled.js';
import { checkOptions, duration } from '../task/options/check-options.js';
import { InvalidOptionsError } from '../task/errors.js';
import { type QueryEnd, type QueryInit, QueryRun } from './query-run.js';

/**
 * How `runQuery()` cancels a query.
 *
 * @publicApi
 */
export interface RunQueryOptions {
  /**
   * How long the cancellation of a query may take, in milliseconds, before its connection is closed instead. Default
   * 5 000. Keep it below the task's `grace`, or the task is abandoned before.
   */
  readonly cancelTimeout?: number | undefined;
}

/**
 * Makes a query that is cancelled on the server when the scope is cancelled. Otherwise the server would finish a query
 * whose result is not needed. The call returns when the query has ended and the server has answered the request to cancel it.
 * So the request cannot hit the connection's next query.
 *
 * From a pool the call takes a connection for this one query, and stops waiting for one on cancel. The connection goes
 * back only when it is known to be idle and in no transaction; otherwise it is closed. A cancelled query on your own
 * client leaves its transaction aborted: roll back. Make one query at a time on your own client.
 *
 * If the server does not answer in time, the connection is closed, even that of your own client.
 *
 * `pg`'s own limits hold too. After `query_timeout` the query is also cancelled on the server, which may take as long as
 * `query_timeout` again, and at most `cancelTimeout`.
 *
 * @param scope the task, or a scope inside it
 * @param db a pool, or a connected client
 * @param query its text, or `pg`'s config object
 * @param values for `$1`, `$2` …
 * @param options see {@link RunQueryOptions}
 * @returns `pg`'s result
 * @throws the scope's `signal.reason` after a cancel, also when the query was quicker, unless it failed with something
 *   else; `pg`'s errors; InvalidOptionsError
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 * @example
 * const { rows } = await runQuery(task, this.pool, 'SELECT * FROM report($1)', [task.input.year]);
 * @publicApi
 */
export function runQuery<Row extends QueryResultRow = Record<string, unknown>>(
  scope: CancelScope,
  db: Pool | ClientBase,
  query: string | QueryConfig,
  values?: readonly unknown[],
  options: RunQueryOptions = {},
): Promise<QueryResult<Row>> {
  return runIn(scope, async () => {
    checkOptions('runQuery()', options, { cancelTimeout: duration });
    assertDatabase(db);
    assertQuery(query);
    scope.throwIfCancelled();
    const { cancelTimeout = 5_000 } = options;
    // Anything but an array is for pg to refuse.
    const given = Array.isArray(values) ? [...(values as unknown[])] : (values as unknown[] | undefined);
    const init = { config: query, values: given, cancelTimeout };
    if (isPool(db)) return queryPool<Row>(scope, db, init);
    assertCancellable(db);
    if ((db as PoolClient).pipeline) {
      throw new InvalidOptionsError('runQuery(): queries in a pipeline cannot be cancelled one by one');
    }
    return finish(scope, new QueryRun<Row>(db, { ...init, stream: undefined }));
  });
}

async function queryPool<Row extends QueryResultRow>(
  scope: CancelScope,
  db: Pool,
  init: Omit<QueryInit, 'stream'>,
): Promise<QueryResult<Row>> {
  const client = await connect(scope, db);
  // While a client is taken, the pool does not listen to it. The query gets the error; without a listener it would also
  // end the process.
  const ignore = (): void => {};
  client.on('error', ignore);
  let run: QueryRun<Row> | undefined;
  try {
    assertCancellable(client);
    run = new QueryRun<Row>(client, { ...init, stream: db.options.stream });
    return await finish(scope, run);
  } finally {
    release(client, run !== undefined && !run.leavesClean);
    client.off('error', ignore);
  }
}

/** Waits for the end of a query, or ends it. */
async function finish<Row extends QueryResultRow>(
  scope: CancelScope,
  run: QueryRun<Row>,
): Promise<QueryResult<Row>> {
  const reasons: unknown[] = [];
  let registration: Disposable | undefined;
  const cancelled = new Promise<QueryEnd<Row>>((resolve) => {
    registration = whenCancelled(scope, (reason) => {
      reasons.push(reason);
      resolve(run.cancel());
    });
  });
  try {
    // Once it is being cancelled, the end of the query alone is not enough.
    const end = await Promise.race([
      run.ended.then((ended) => (reasons.length > 0 ? cancelled : ended)),
      cancelled,
    ]);
    if ('error' in end && !(reasons.length > 0 && run.explains(end.error))) throw end.error;
    if (reasons.length > 0) throw reasons[0];
    return (end as { result: QueryResult<Row> }).result;
  } finally {
    registration?.[Symbol.dispose]();
  }
}

// A connection, and the timer of one that is idle, live longer than the call: neither keeps the async context of that.

function release(client: PoolClient, isBroken = false): void {
  inRootContext(() => client.release(isBroken));
}

async function connect(scope: CancelScope, pool: Pool): Promise<PoolClient> {
  const connecting = inRootContext(() => pool.connect());
  try {
    return await scope.waitFor(connecting);
  } catch (error) {
    // The connection may still come: give it back.
    connecting.then(
      (client) => release(client),
      () => {},
    );
    throw error;
  }
}

function assertDatabase(db: unknown): void {
  if (typeof db === 'object' && db !== null && 'connect' in db && 'query' in db) return;
  const given = db === null ? 'null' : typeof db;
  throw new InvalidOptionsError(`runQuery(): expected a pool or a client of pg, got ${given}`);
}

function assertQuery(query: unknown): void {
  if (typeof query === 'string') return;
  if (typeof query !== 'object' || query === null) {
    throw new InvalidOptionsError(
      `runQuery(): expected a query text or pg's config object, got ${String(query)}`,
    );
  }
  // The rows of a cursor or a stream are read after the call.
  if ('submit' in query) {
    throw new InvalidOptionsError(
      "runQuery(): expected a query text or pg's config object, got a query, a cursor or a stream; give its text and values",
    );
  }
}

function assertCancellable(client: ClientBase): void {
  if (!('native' in client)) return;
  throw new InvalidOptionsError("runQuery(): expected pg's own client or pool, got one of pg-native");
}

function isPool(db: Pool | ClientBase): db is Pool {
  return 'totalCount' in db;
}
