import { logSeed } from './remote-engine.js';

const elsewhere = { name: `logs elsewhere, LOG_SEED=${logSeed}`, logs: 'elsewhere' } as const;

/** What tests of watchers run on: each adapter, and logs that are kept elsewhere. To be given to `createTaskApp`. */
export const sides = [
  { name: 'express', adapter: 'express' },
  { name: 'fastify', adapter: 'fastify' },
  { adapter: 'fastify', ...elsewhere },
] as const;

/** The same for tests that need no adapter. */
export const logSides = [{ name: 'logs here', logs: 'here' }, elsewhere] as const;
