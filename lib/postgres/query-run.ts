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
import { within } from './within.js';

/** How long a query is given to end before the server is asked once more, in milliseconds; twice as long each time. */
const firstWait = 50;

/** What the server calls a query that was cancelled. */
const queryCanceled = '57014';

/** How a query ended. */
export type QueryEnd<Row extends QueryResultRow> =
  { readonly result: QueryResult<Row> } | { readonly error: unknown };

/** As `pg` calls a query when its turn has come. What it returns is the error of one that is not sent. */
interface Sendable {
  submit: (connection: Connection) => unknown;
}

/** One query on one connection, and what becomes of the connection. */
export class QueryRun<Row extends QueryResultRow> {
  /** Settles when it has ended and the connection is ready for the next one, or lost. Never rejects. */
  readonly ended: Promise<QueryEnd<Row>>;
  readonly #client: ClientBase;
  #begun = false;
  #refused = false;
  #closed = false;
  #over = false;
  /** Known to do nothing, and in no transaction. */
  #clean = false;

  constructor(client: ClientBase, config: string | QueryConfig, values: unknown[] | undefined) {
    this.#client = client;
    this.ended = this.#run(config, values).finally(() => {
      this.#over = true;
    });
  }

  /** Whether the connection may be given to somebody else. */
  get leavesClean(): boolean {
    return this.#clean && !this.#closed;
  }

  /**
   * Ends it on the server. One that still waits for others on its client is never sent, and not waited for.
   *
   * @param stream see {@link requestCancel}
   * @param timeout most milliseconds; after that the connection is closed, since nobody knows what it does
   * @returns how it ended
   */
  async cancel(stream: unknown, timeout: number): Promise<QueryEnd<Row>> {
    if (!this.#begun) {
      this.#refused = true;
      return { error: undefined };
    }
    const until = performance.now() + timeout;
    for (let wait = firstWait; !this.#over; wait *= 2) {
      const left = until - performance.now();
      // A request that overtakes its query finds nothing to cancel: hence more than one.
      if (left <= 0 || !(await requestCancel(this.#client, stream, left).catch(() => false))) {
        this.#close();
        break;
      }
      await within(Math.min(wait, left), this.ended);
    }
    return this.ended;
  }

  /** Whether an error is how its cancellation shows itself. */
  explains(error: unknown): boolean {
    return this.#refused || this.#closed || (error as { code?: unknown } | undefined)?.code === queryCanceled;
  }

  async #run(config: string | QueryConfig, values: unknown[] | undefined): Promise<QueryEnd<Row>> {
    let ready: Promise<void> | undefined;
    try {
      const result = await new Promise<QueryResult<Row>>((resolve, reject) => {
        const query: Sendable = new Query<Row>(config, values, (error, found) => {
          if (error) reject(error);
          else resolve(found);
        });
        const { submit } = query;
        query.submit = (connection) => {
          if (this.#refused) return new Error('This query was cancelled before it began');
          this.#begun = true;
          ready = this.#awaitReady(connection);
          return submit.call(query, connection);
        };
        this.#client.query(query);
      });
      await ready;
      return { result };
    } catch (error) {
      await ready;
      return { error };
    }
  }

  #awaitReady(connection: Connection): Promise<void> {
    return new Promise((resolve) => {
      const onReady = (message: { status?: string }): void => {
        this.#clean = message.status === 'I';
        leave();
      };
      const leave = (): void => {
        connection.off('readyForQuery', onReady);
        connection.off('end', leave);
        resolve();
      };
      connection.on('readyForQuery', onReady);
      connection.on('end', leave);
    });
  }

  #close(): void {
    this.#closed = true;
    const { connection } = this.#client as Client;
    // Told first, so that it takes the end of its connection for no error.
    void (this.#client as Client).end().catch(() => {});
    connection.stream.destroy();
  }
}
