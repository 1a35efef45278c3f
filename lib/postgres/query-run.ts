import {
  type Client,
  type ClientBase,
  type Connection,
  Query,
  type QueryConfig,
  type QueryResult,
  type QueryResultRow,
} from 'pg';
import { requestCancel } from './cancel-request.js';
import { within } from '../cancellation/time/countdown.js';

/** How long the server gets to end a query before it is asked again, in milliseconds; twice as long each time. */
const FIRST_WAIT = 50;

/** The server's code for a query that was cancelled. */
const QUERY_CANCELED = '57014';

export type QueryEnd<Row extends QueryResultRow> =
  { readonly result: QueryResult<Row> } | { readonly error: unknown };

/** What is sent, and how it is cancelled. */
export interface QueryInit {
  readonly config: string | QueryConfig;
  readonly values: unknown[] | undefined;
  /** See {@link requestCancel}. */
  readonly stream: unknown;
  /** Most milliseconds for a cancellation; after that the connection is closed. */
  readonly cancelTimeout: number;
}

/**
 * A query as `pg` sees it. `pg` calls `submit` when the query may be sent. An error that this returns means that nothing
 * was sent. The declarations of `pg` know neither that nor `query_timeout`.
 */
interface Sendable {
  submit: (connection: Connection) => unknown;
  query_timeout?: unknown;
}

/** One query on one connection, and what becomes of the connection. */
export class QueryRun<Row extends QueryResultRow> {
  /** Settles when the query has ended, and the connection is ready for the next one or lost. Never rejects. */
  readonly ended: Promise<QueryEnd<Row>>;
  readonly #client: ClientBase;
  readonly #init: QueryInit;
  /** Once it is being sent: settles when the connection is ready for the next query, or lost. */
  #ready: Promise<void> | undefined;
  #isReady = false;
  /** Whether `pg` has called back. */
  #settled = false;
  /** Whether the server, the connection or `pg` itself has said how the query ends. */
  #answered = false;
  #refused = false;
  #closed = false;
  /** Known to do nothing, and in no transaction. */
  #clean = false;

  constructor(client: ClientBase, init: QueryInit) {
    this.#client = client;
    this.#init = init;
    this.ended = this.#run();
  }

  /** Whether another query may use the connection. */
  get leavesClean(): boolean {
    return this.#clean && !this.#closed;
  }

  /** Ends the query on the server. A query that still waits for others on its client is never sent, and not waited for. */
  async cancel(): Promise<QueryEnd<Row>> {
    if (!this.#ready) {
      this.#refused = true;
      return { error: undefined };
    }
    await this.#endOnServer(this.#init.cancelTimeout);
    return this.ended;
  }

  explains(error: unknown): boolean {
    return (
      this.#refused || this.#closed || (error as { code?: unknown } | undefined)?.code === QUERY_CANCELED
    );
  }

  async #run(): Promise<QueryEnd<Row>> {
    const began = performance.now();
    const end = await this.#send().then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    if (!this.#ready) return end;
    if ('error' in end && !this.#answered) {
      // `query_timeout`: pg no longer waits for the server. The query must end there too, in as much time again.
      await this.#endOnServer(Math.min(this.#init.cancelTimeout, performance.now() - began));
    }
    await this.#ready;
    return end;
  }

  #send(): Promise<QueryResult<Row>> {
    const { config, values } = this.#init;
    return new Promise((resolve, reject) => {
      const query: Sendable = new Query<Row>(copyOf(config), values, (error, found) => {
        this.#settled = true;
        if (error) reject(error);
        else resolve(found);
      });
      if (typeof config !== 'string')
        query.query_timeout = (config as { query_timeout?: unknown }).query_timeout;
      const { submit } = query;
      query.submit = (connection) =>
        this.#refused
          ? new Error('This query was cancelled before it began')
          : this.#submit(connection, () => submit.call(query, connection));
      this.#client.query(query);
    });
  }

  /** @returns the error of a query that `pg` refuses to send */
  #submit(connection: Connection, submit: () => unknown): unknown {
    const stopWaiting = this.#awaitReady(connection);
    let refusal: unknown;
    try {
      refusal = submit();
    } catch (error) {
      // Part of it may have been sent: the connection is not clean.
      stopWaiting();
      throw error;
    }
    if (refusal) {
      stopWaiting();
      this.#clean = true;
    }
    // A value that cannot be written: pg calls back at once, and ends what it has begun on the server.
    if (this.#settled) this.#answered = true;
    return refusal;
  }

  /** @returns stops waiting: no answer will come */
  #awaitReady(connection: Connection): () => void {
    let stopWaiting = (): void => {};
    this.#ready = new Promise((resolve) => {
      const onAnswer = (): void => {
        this.#answered = true;
      };
      const onReady = (message: { status?: string }): void => {
        this.#clean = message.status === 'I';
        stopWaiting();
      };
      stopWaiting = (): void => {
        this.#answered = true;
        this.#isReady = true;
        connection.off('errorMessage', onAnswer);
        connection.off('readyForQuery', onReady);
        connection.off('error', stopWaiting);
        connection.off('end', stopWaiting);
        resolve();
      };
      connection.on('errorMessage', onAnswer);
      connection.on('readyForQuery', onReady);
      connection.on('error', stopWaiting);
      connection.on('end', stopWaiting);
    });
    return stopWaiting;
  }

  /** Asks the server to cancel the query until it has ended. Closes the connection if that takes too long. */
  async #endOnServer(timeout: number): Promise<void> {
    const until = performance.now() + timeout;
    for (let wait = FIRST_WAIT; !this.#isReady; wait *= 2) {
      const left = until - performance.now();
      // A request that overtakes its query finds nothing to cancel: hence more than one.
      if (left <= 0 || !(await requestCancel(this.#client, this.#init.stream, left).catch(() => false))) {
        this.#close();
        return;
      }
      await within(Math.min(wait, left), this.#ready as Promise<void>);
    }
  }

  #close(): void {
    this.#closed = true;
    const { connection } = this.#client as Client;
    // First `end`: then pg does not take the end of its connection for an error.
    void (this.#client as Client).end().catch(() => {});
    connection.stream.destroy();
  }
}

/** Older versions of `pg` write their callback into the object they are given. Its `text` may be a getter of a class. */
function copyOf(config: string | QueryConfig): string | QueryConfig {
  if (typeof config === 'string') return config;
  return Object.create(
    Object.getPrototypeOf(config) as object | null,
    Object.getOwnPropertyDescriptors(config),
  ) as QueryConfig;
}
