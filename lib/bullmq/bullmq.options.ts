import type { Type } from '@nestjs/common';
import type { QueueOptions, WorkerOptions } from 'bullmq';
import { anything, checkOptions, integer, mustBe, object } from '../task/options/check-options.js';
import { InvalidOptionsError } from '../task/errors.js';
import type { TaskHandler } from '../task/task-handler.interface.js';
import { isTaskName, type TaskTypeRef } from '../task/task-ref.js';
import type { EventBufferLimits } from './redis/event-buffer.js';
import { checkConnection, type StoreConnectionOptions } from './redis/connection/connection-options.js';

/**
 * How much of what its handlers send an instance keeps while Redis cannot take it.
 *
 * @publicApi
 */
export interface BufferOptions {
  /** @defaultValue 10 000 */
  readonly events?: number | undefined;
  /** Encoded bytes. @defaultValue 16 777 216 */
  readonly bytes?: number | undefined;
}

/**
 * Options of BullMQ's `Queue` that can be given.
 *
 * @publicApi
 */
export type BullmqQueueOptions = Omit<QueueOptions, keyof typeof refusedOfQueues>;

/**
 * Options of BullMQ's `Worker` that can be given.
 *
 * @publicApi
 */
export type BullmqWorkerOptions = Omit<WorkerOptions, keyof typeof refusedOfWorkers>;

/**
 * What `bullmq()` takes.
 *
 * @publicApi
 */
export interface BullmqOptions {
  /**
   * Where Redis is: ioredis options, Sentinel's too, a `redis://` or `rediss://` URL, or an ioredis instance of yours, a `Cluster`
   * too. Of an instance only its options are used. It is never closed.
   */
  readonly connection: StoreConnectionOptions;
  /**
   * Begins every key and the name of every queue: two applications on one Redis take two. 1 to 64 of `A-Z a-z 0-9 . _ ~ -`.
   *
   * @defaultValue 'streaming'
   */
  readonly prefix?: string | undefined;
  /**
   * Which task types run here: all, none (`false`, for a process that only serves HTTP), or a list of classes and `{ app, name }`.
   * One that is not provided stops the start of the application.
   *
   * @defaultValue true
   */
  readonly run?: boolean | readonly (Type<TaskHandler> | TaskTypeRef)[] | undefined;
  /** How long a lease lasts that is not renewed, in milliseconds. It is renewed at half of it. @defaultValue 5 000 */
  readonly lockDuration?: number | undefined;
  /** Time between two looks for leases that ran out, in milliseconds. @defaultValue 2 000 */
  readonly stalledInterval?: number | undefined;
  /** Beyond it `sendEvent` throws a `LogUnavailableError`. */
  readonly buffer?: BufferOptions | undefined;
  /** Further options of the queues. */
  readonly queue?: BullmqQueueOptions | undefined;
  /** Further options of the workers. */
  readonly worker?: BullmqWorkerOptions | undefined;
}

/** Options with every default filled in. */
export interface ResolvedBullmqOptions {
  readonly connection: StoreConnectionOptions;
  readonly prefix: string;
  readonly run: boolean | readonly (Type<TaskHandler> | TaskTypeRef)[];
  readonly lockDuration: number;
  readonly stalledInterval: number;
  readonly buffer: EventBufferLimits;
  readonly queue: BullmqQueueOptions;
  readonly worker: BullmqWorkerOptions;
}

const WHERE = 'bullmq()';

const given = (name: string): string => `give "${name}" to bullmq() itself`;
const ofTask = (name: string): string => `give "${name}" to @StreamTask()`;
const set = (why: string): string => `it is set here: ${why}`;

/** Why an option of BullMQ is refused. */
const refusedOfQueues = {
  connection: given('connection'),
  prefix: given('prefix'),
  defaultJobOptions: set('what a job does is what its task type says'),
  skipWaitingForReady: set('a request must not wait for Redis'),
  blockingConnection: set('a queue blocks nothing'),
};

const refusedOfWorkers = {
  connection: given('connection'),
  prefix: given('prefix'),
  concurrency: ofTask('concurrency'),
  autorun: set('workers begin when the application has started'),
  lockDuration: given('lockDuration'),
  lockRenewTime: set('leases are renewed at half of "lockDuration"'),
  stalledInterval: given('stalledInterval'),
  maxStalledCount: set(
    'what becomes of a task whose instance is lost is for "attempts" and "resumable" to say',
  ),
  maxStartedAttempts: ofTask('attempts'),
  skipLockRenewal: set('a task without a lease would run twice'),
  skipStalledCheck: set('tasks of lost instances would be left alone'),
  removeOnComplete: set('jobs are removed with the end of their task, which is kept for "replay.retention"'),
  removeOnFail: set('jobs are removed with the end of their task, which is kept for "replay.retention"'),
  skipWaitingForReady: set('a request must not wait for Redis'),
  blockingConnection: set('a worker has a connection of its own to wait on'),
  useWorkerThreads: set('handlers are providers of the application; see nestjs-streaming/worker'),
  workerForkOptions: set('handlers are providers of the application; see nestjs-streaming/process'),
  workerThreadsOptions: set('handlers are providers of the application; see nestjs-streaming/worker'),
};

const checks = {
  connection: anything,
  prefix: mustBe(
    '1 to 64 of A-Z a-z 0-9 . _ ~ -',
    (value) => typeof value === 'string' && /^[\w.~-]{1,64}$/.test(value),
  ),
  run: mustBe('true, false, or a list of task types, each a class or { app, name }', isRun),
  // BullMQ renews leases twice in their time, and looks for lost ones once in theirs.
  lockDuration: integer(100),
  stalledInterval: integer(100),
  buffer: { events: integer(1), bytes: integer(1) },
  queue: object,
  worker: object,
};

/**
 * Checks what `bullmq()` was given, and fills in the defaults.
 *
 * @throws InvalidOptionsError naming the first option that is unknown or wrong
 */
export function resolveBullmqOptions(options: BullmqOptions): ResolvedBullmqOptions {
  checkOptions(WHERE, options, checks);
  const { connection, prefix, run, lockDuration, stalledInterval, buffer, queue = {}, worker = {} } = options;
  checkConnection(WHERE, connection);
  refuse('queue', queue, refusedOfQueues);
  refuse('worker', worker, refusedOfWorkers);
  return {
    connection,
    prefix: prefix ?? 'streaming',
    run: run ?? true,
    lockDuration: lockDuration ?? 5_000,
    stalledInterval: stalledInterval ?? 2_000,
    buffer: { events: buffer?.events ?? 10_000, bytes: buffer?.bytes ?? 16_777_216 },
    queue,
    worker,
  };
}

function isRun(value: unknown): boolean {
  return typeof value === 'boolean' || (Array.isArray(value) && value.every(isTaskType));
}

function isTaskType(value: unknown): boolean {
  if (typeof value === 'function') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { app, name } = value as Partial<Record<keyof TaskTypeRef, unknown>>;
  return isTaskName(app) && isTaskName(name);
}

/** Of what BullMQ takes only that is refused which would break a promise: it may get further options. */
function refuse(of: 'queue' | 'worker', options: object, refused: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || !Object.hasOwn(refused, name)) continue;
    throw new InvalidOptionsError(`Refused option "${of}.${name}" in ${WHERE}: ${refused[name]}`);
  }
}
