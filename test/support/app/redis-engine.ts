import { BullEngine } from '../../../lib/bullmq/bull-engine.js';
import type { ResolvedBullmqOptions } from '../../../lib/bullmq/bullmq.options.js';
import type { EngineFactory } from '../../../lib/engine/engine-factory.js';
import type { RedisServer } from '../programs/redis.js';

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
