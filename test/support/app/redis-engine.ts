import { BullEngine } from '../../../lib/bullmq/bull-engine.js';
import type { ResolvedBullmqOptions } from '../../../lib/bullmq/bullmq.options.js';
import type { EngineFactory } from '../../../lib/engine/engine-factory.js';
import { type RedisServer, sharedRedis } from '../programs/redis.js';

let prefixes = 0;

/** A prefix that no other test of this process has. */
export function newPrefix(): string {
  return `test${process.pid}-${++prefixes}`;
}

/** What `forRoot({ engine })` takes, for tests. */
export function redisEngine(
  server: Pick<RedisServer, 'host' | 'port'>,
  prefix: string,
  bull: Partial<ResolvedBullmqOptions> = {},
): EngineFactory {
  const options: ResolvedBullmqOptions = {
    connection: { host: server.host, port: server.port },
    prefix,
    lockDuration: 1_000,
    stalledInterval: 200,
    buffer: { events: 10_000, bytes: 16 * 1024 * 1024 },
    queue: {},
    worker: {},
    run: true,
    ...bull,
  };
  return { create: (host) => new BullEngine(host, options) };
}

/**
 * The engine of an application on the Redis of its test file.
 *
 * @param prefix another application has the same tasks with the same one
 */
export async function engineOnRedis(
  prefix = newPrefix(),
  bull: Partial<ResolvedBullmqOptions> = {},
): Promise<EngineFactory> {
  const options = {
    // The defaults: a test that floods an instance is none of a lease that runs out.
    lockDuration: 5_000,
    stalledInterval: 2_000,
    // Tests of slow clients send more in one turn than may wait by default.
    buffer: { events: 10_000, bytes: 64 * 1024 * 1024 },
  };
  return redisEngine(await sharedRedis(), prefix, { ...options, ...bull });
}
