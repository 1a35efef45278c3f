import { type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { isClient, type StoreConnectionOptions } from './connection-options.js';
import { isCluster, type RedisClient } from '../scripts/script.js';

/**
 * What all connections have, whatever the application's own options say. What a run has written waits for as long as it takes, and what was on its
 * way when a connection was lost is sent again; who waits for an answer has a time of its own. Batches are made where they are needed. Numbers
 * are numbers. A connection that is closed holds the process up no longer than the last of these, though Redis is away.
 */
const ALWAYS: RedisOptions & { readonly replyMapping: 'legacy' } = {
  lazyConnect: false,
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  autoResendUnfulfilledCommands: true,
  commandTimeout: undefined,
  enableAutoPipelining: false,
  stringNumbers: false,
  // Of ioredis 6: what Redis answers has the form of version 5.
  replyMapping: 'legacy',
  disconnectTimeout: 200,
};

/** The wait before the next try to connect, in milliseconds: that of ioredis. */
const retryDelay = (times: number): number => Math.min(times * 50, 2_000);

/** For commands. BullMQ's queues and workers take it too, and duplicate it where they block. */
export function commandClient(options: StoreConnectionOptions): RedisClient {
  return makeClient(options, {});
}

/** For news. It subscribes again itself, to know when that is done. */
export function newsClient(options: StoreConnectionOptions): RedisClient {
  return makeClient(options, { autoResubscribe: false }, { shardedSubscribers: true });
}

/**
 * An instance of the application's is not used itself: its commands may fail after some tries, and it may be closed.
 *
 * @param ofCluster what a client of a cluster has beside
 */
function makeClient(
  options: StoreConnectionOptions,
  more: RedisOptions,
  ofCluster: ClusterOptions = {},
): RedisClient {
  // Of a URL its own options would come before ours.
  if (typeof options === 'string') return makeClient(new Redis(options, { lazyConnect: true }), more);
  if (!isClient(options)) return hideRefusal(new Redis({ ...options, ...always(options), ...more }));
  if (!isCluster(options)) return hideRefusal(options.duplicate({ ...always(options.options), ...more }));
  // It subscribes again itself.
  const redisOptions = { ...options.options.redisOptions, ...ALWAYS };
  return options.duplicate([], { ...ofCluster, redisOptions, enableOfflineQueue: true, lazyConnect: false });
}

/**
 * Has ioredis not write to the console that this user may not ask for what `INFO` tells: the start asks itself, and says so. It goes on
 * without its ready check then, as it would.
 */
function hideRefusal(client: Redis): Redis {
  const info = client.info.bind(client) as (...given: unknown[]) => Promise<string>;
  return Object.assign(client, {
    info: (...given: unknown[]) => {
      const [callback] = given as [((error: unknown, text?: string) => void)?];
      if (typeof callback !== 'function') return info(...given);
      return info((error: unknown, text?: string) => {
        if (error instanceof Error && error.message.includes('NOPERM')) callback(null);
        else callback(error, text);
      });
    },
  });
}

/** A connection comes back by itself, also where the application's other ones give up. */
function always({ retryStrategy }: RedisOptions): RedisOptions {
  if (!retryStrategy) return { ...ALWAYS, retryStrategy: retryDelay };
  return { ...ALWAYS, retryStrategy: (times) => retryStrategy(times) ?? retryDelay(times) };
}

/**
 * Has BullMQ not warn of the policy for memory, on the console and for each connection of each queue: the start has warned of it.
 *
 * @param client that BullMQ is given; it duplicates it
 */
export function hideMemoryPolicy(client: RedisClient): void {
  const info = client.info.bind(client) as (...given: unknown[]) => Promise<string>;
  const duplicate = client.duplicate.bind(client) as (...given: unknown[]) => RedisClient;
  Object.assign(client, {
    // ioredis asks itself, with a callback, and leaves what is returned.
    info: (...given: unknown[]) =>
      given.length > 0 ? info(...given) : info().then((text) => text.replace(/^maxmemory_policy:.*$/m, '')),
    duplicate: (...given: unknown[]) => {
      const made = duplicate(...given);
      hideMemoryPolicy(made);
      return made;
    },
  });
}
