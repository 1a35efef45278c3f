import type { EngineFactory } from '../engine/engine-factory.js';
import { BullEngine } from './bull-engine.js';
import { type BullmqOptions, resolveBullmqOptions } from './bullmq.options.js';

/**
 * Has all instances of the application run tasks together: for `StreamingModule.forRoot({ engine })`, the same on each.
 *
 * @param options `connection` is needed
 * @throws InvalidOptionsError, when the application starts, for an option that is unknown or wrong
 * @example
 * StreamingModule.forRoot({ engine: bullmq({ connection: { host: 'redis', port: 6379 } }) });
 * @publicApi
 */
export function bullmq(options: BullmqOptions): EngineFactory {
  return { create: (host) => new BullEngine(host, resolveBullmqOptions(options)) };
}
