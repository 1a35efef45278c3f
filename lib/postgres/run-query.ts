import type { ClientBase, Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type { CancelScope } from '../cancellation/cancel-scope.js';
import { checkOptions, duration } from '../task/check-options.js';
import { InvalidOptionsError } from '../task/errors/invalid-options.error.js';
import { type QueryEnd, QueryRun } from './query-run.js';

/** @publicApi */
export interface RunQueryOptions {
  /**
   * How long the cancellation of a query may take, in milliseconds, before its connection is closed instead. Default
   * 5 000. Keep it below the task's `grace`, or the task is abandoned before.
   */
  readonly cancelTimeout?: number;
}

/** How it is cancelled. */
interface CancelInit {
  readonly cancelTimeout: number;
  readonly stream?: unknown;
}

/**
 * Makes a query that is cancelled on the server when the scope is cancelled, instead of going on there with nobody to
 * wait for it. The call returns when the query has ended and the server has answered the request to cancel it, so that
 * this cannot hit the connection's next query.
 *
 * From a pool it takes a connection for this one query, and stops waiting for one on cancel. The connection is given
 * back only when it is known to be idle and in no transaction; otherwise it is closed. A query on your own client, in a
 * transaction say, leaves that transaction aborted when it is cancelled: roll back. Make one query at a time there.
 *
 * If the server does not answer in time, the connection is closed, a client of yours too.
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
export async function runQuery<Row extends QueryResultRow = Record<string, unknown>>(
  scope: CancelScope,
  db: Pool | ClientBase,
  query: string | QueryConfig,
  values?: readonly unknown[],
  options: RunQueryOptions = {},
): Promise<QueryResult<Row>> {
  checkOptions('runQuery()', options, { cancelTimeout: duration });
  scope.throwIfCancelled();
  const { cancelTimeout = 5_000 } = options;
  if (!isPool(db)) {
    assertCancellable(db);
    if ((db as PoolClient).pipeline) {
      throw new InvalidOptionsError('runQuery(): queries in a pipeline cannot be cancelled one by one');
    }
    return finish(scope, new QueryRun<Row>(db, query, values && [...values]), { cancelTimeout });
  }

  const client = await connect(scope, db);
  // The pool does not listen while it is ours, and an error without a listener ends the process. The query has it.
  const ignore = (): void => {};
  client.on('error', ignore);
  let run: QueryRun<Row> | undefined;
  try {
    assertCancellable(client);
    run = new QueryRun<Row>(client, query, values && [...values]);
    return await finish(scope, run, { cancelTimeout, stream: db.options.stream });
  } finally {
    client.release(run !== undefined && !run.leavesClean);
    client.off('error', ignore);
  }
}

/** Sees a query to its end, or ends it. */
async function finish<Row extends QueryResultRow>(
  scope: CancelScope,
  run: QueryRun<Row>,
  { cancelTimeout, stream }: CancelInit,
): Promise<QueryResult<Row>> {
  const reasons: unknown[] = [];
  let registration: Disposable | undefined;
  const cancelled = new Promise<QueryEnd<Row>>((resolve) => {
    registration = scope.onCancel(() => {
      reasons.push(scope.signal.reason);
      resolve(run.cancel(stream, cancelTimeout));
    });
  });
  try {
    // Once it is being cancelled, its end alone is not enough.
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

async function connect(scope: CancelScope, pool: Pool): Promise<PoolClient> {
  const connecting = pool.connect();
  try {
    return await scope.waitFor(connecting);
  } catch (error) {
    // It may come all the same, to nobody.
    connecting.then(
      (client) => client.release(),
      () => {},
    );
    throw error;
  }
}

function assertCancellable(client: ClientBase): void {
  if (!('native' in client)) return;
  throw new InvalidOptionsError("runQuery(): expected pg's own client or pool, got one of pg-native");
}

function isPool(db: Pool | ClientBase): db is Pool {
  return 'totalCount' in db;
}
