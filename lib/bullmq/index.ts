/**
 * `nestjs-streaming/bullmq`: many instances of an application run, watch and cancel tasks together. Needs the packages `bullmq` and `ioredis`.
 *
 * @packageDocumentation
 */
export { bullmq } from './bullmq.js';
export type {
  BufferOptions,
  BullmqOptions,
  BullmqQueueOptions,
  BullmqWorkerOptions,
} from './bullmq.options.js';
