import { isOnRedis } from './store.js';
import { logSeed } from './remote-engine.js';

const elsewhere = { name: `logs elsewhere, LOG_SEED=${logSeed}`, logs: 'elsewhere' } as const;

/**
 * What tests of watchers run on: each adapter, and logs that are kept elsewhere. Where tasks are in Redis, logs are too. To be given to
 * `createTaskApp`.
 */
export const sides = [
  { name: 'express', adapter: 'express' },
  { name: 'fastify', adapter: 'fastify' },
  ...(isOnRedis ? [] : [{ adapter: 'fastify', ...elsewhere } as const]),
] as const;

/** The same for tests that need no adapter. */
export const logSides = [
  ...(isOnRedis ? [] : [elsewhere]),
  { name: isOnRedis ? 'in Redis' : 'logs here', logs: 'here' },
] as const;
