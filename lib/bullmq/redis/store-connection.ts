import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import { StoreUnavailableError } from '../errors.js';
import { Timer } from '../../cancellation/time/timer.js';
import { checkServer } from './check-server.js';
import { isCluster, type RedisClient, type Script } from './scripts/script.js';
import type { TaskKeys } from './task-keys.js';

/** What BullMQ takes too: ioredis options, a `redis://` or `rediss://` URL, or an ioredis instance, which is never closed here. */
export type StoreConnectionOptions = RedisOptions | string | Redis | Cluster;

/** How long a start of the application waits for Redis, in milliseconds. */
const CONNECT_TIMEOUT = 8_000;

/** How long what somebody waits for may take, in milliseconds. */
const ASK_TIMEOUT = 4_000;

/** Errors of a connection that do not go away by trying again. */
const isFinal = (error: Error): boolean =>
  /^(WRONGPASS|NOAUTH|NOPERM|ERR (invalid|Client sent) )/.test(error.message);

/**
 * The two connections of an instance to Redis: one for commands, one that hears news. Both come back by themselves. What was on its
 * way when one was lost is sent again.
 */
export class StoreConnection {
  readonly client: RedisClient;
  readonly subscriber: RedisClient;
  readonly #ownsClient: boolean;
  #publish: 'PUBLISH' | 'SPUBLISH' = 'PUBLISH';
  #isClosed = false;
  #ready: Promise<void> | undefined;

  /**
   * Connects, and checks that this Redis will do.
   *
   * @param warn called with what a person should know of
   * @throws Error that names host and port, and never a password
   */
  static async open(
    options: StoreConnectionOptions,
    warn: (message: string) => void,
  ): Promise<StoreConnection> {
    const connection = new StoreConnection(options);
    try {
      await Promise.all([whenConnected(connection.client), whenConnected(connection.subscriber)]);
      const { isClustered, major } = await checkServer(connection.client, warn);
      // In a cluster every node hears what is published, unless it is published to a shard.
      if (isClustered && major >= 7) connection.#publish = 'SPUBLISH';
      return connection;
    } catch (cause) {
      connection.close();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Redis at ${placeOf(connection.client)} cannot be used: ${why}`, { cause });
    }
  }

  private constructor(options: StoreConnectionOptions) {
    this.#ownsClient = !isClient(options);
    this.client = clientOf(options);
    this.subscriber = subscriberOf(this.client);
    // Without a listener ioredis writes each failure to the console. Those who wait for an answer are told of it.
    for (const client of [this.client, this.subscriber]) client.on('error', ignore);
  }

  /** Whether news are published to the shard of a task, and have to be heard there. */
  get isSharded(): boolean {
    return this.#publish === 'SPUBLISH';
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Runs a script on the keys of a task, as soon as Redis can be reached. */
  run(script: Script, keys: TaskKeys, args: readonly (string | number)[]): Promise<unknown> {
    const { record, log, requests, signals, news } = keys;
    return script.run(this.client, [record, log, requests, signals, news], [this.#publish, ...args]);
  }

  /**
   * The same for somebody who waits for the answer.
   *
   * @throws StoreUnavailableError when there is none in time; the script may have run, or may still run
   */
  async ask(script: Script, keys: TaskKeys, args: readonly (string | number)[]): Promise<unknown> {
    return this.inTime(() => this.run(script, keys, args));
  }

  /** @throws StoreUnavailableError */
  async inTime<Result>(command: () => Promise<Result>): Promise<Result> {
    let timer: Timer | undefined;
    const timeUp = new Promise<never>((_resolve, reject) => {
      timer = new Timer(ASK_TIMEOUT, () => reject(unavailable()));
    });
    try {
      // While it is away nothing is queued for it: it would be done long after the caller has given up.
      if (this.client.status !== 'ready') await Promise.race([this.#whenReady(), timeUp]);
      const answer = command();
      answer.catch(ignore);
      return await Promise.race([answer, timeUp]);
    } catch (error) {
      throw isLost(error) ? unavailable(error) : error;
    } finally {
      timer?.clear();
    }
  }

  /** One promise for all who wait: each would be a listener. */
  #whenReady(): Promise<void> {
    this.#ready ??= whenReady(this.client).then(() => {
      this.#ready = undefined;
    });
    return this.#ready;
  }

  close(): void {
    this.#isClosed = true;
    this.subscriber.disconnect();
    if (this.#ownsClient) this.client.disconnect();
  }
}

/**
 * What a run has written waits for as long as it takes; what somebody waits for has a time of its own. A connection that is closed
 * holds the process up no longer than this, though Redis is away.
 */
const OWN = { maxRetriesPerRequest: null, disconnectTimeout: 200 };

function clientOf(options: StoreConnectionOptions): RedisClient {
  if (isClient(options)) return options;
  return typeof options === 'string' ? new Redis(options, OWN) : new Redis({ ...options, ...OWN });
}

function subscriberOf(client: RedisClient): RedisClient {
  // It subscribes again itself, to know when that is done.
  if (isCluster(client)) {
    const redisOptions = { ...client.options.redisOptions, disconnectTimeout: OWN.disconnectTimeout };
    return client.duplicate([], { redisOptions, shardedSubscribers: true });
  }
  return client.duplicate({ ...OWN, autoResubscribe: false });
}

/** By its shape: the application may have another copy of ioredis. */
function isClient(options: StoreConnectionOptions): options is RedisClient {
  return typeof options === 'object' && 'duplicate' in options;
}

/** Rejects where the server refuses, and when it cannot be reached for too long. */
async function whenConnected(client: RedisClient): Promise<void> {
  if (client.status === 'wait') client.connect().catch(ignore);
  let newest: Error | undefined;
  let onError: (error: Error) => void = ignore;
  let timer: Timer | undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    timer = new Timer(CONNECT_TIMEOUT, () => reject(newest ?? new Error('no answer')));
    onError = (error) => {
      newest = error;
      if (isFinal(error)) reject(error);
    };
    client.on('error', onError);
  });
  try {
    if (client.status !== 'ready') await Promise.race([whenReady(client), failed]);
  } finally {
    timer?.clear();
    client.off('error', onError);
  }
}

function whenReady(client: RedisClient): Promise<void> {
  return new Promise((resolve) => {
    client.once('ready', resolve);
  });
}

function placeOf(client: RedisClient): string {
  if (isCluster(client)) return 'the nodes of the cluster';
  const { host, port, path } = client.options;
  return path ?? `${host ?? 'localhost'}:${port ?? 6379}`;
}

/** The connection was lost, or Redis is not what it was: a replica now, or still loading. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ['MaxRetriesPerRequestError', 'AbortError', 'ClusterAllFailedError'].includes(error.name) ||
    /^(Connection is closed|READONLY|LOADING|CLUSTERDOWN|MASTERDOWN|OOM|MISCONF|TRYAGAIN)/.test(error.message)
  );
}

function unavailable(cause?: unknown): StoreUnavailableError {
  return new StoreUnavailableError(
    'The store does not answer; what was asked of it may have been done. Try again later',
    { cause },
  );
}

function ignore(): void {}
