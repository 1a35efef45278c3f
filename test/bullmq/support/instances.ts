import type { Type } from '@nestjs/common';
import type { StreamingModuleOptions } from 'nestjs-streaming';
import type { ResolvedBullmqOptions } from '../../../lib/bullmq/bullmq.options.js';
import { createTaskApp, type TaskApp, type TaskAppOptions } from '../../support/app.js';
import { newPrefix, redisEngine } from '../../support/app/redis-engine.js';
import type { RedisServer } from '../../support/programs/redis.js';

export interface InstanceOptions extends Omit<TaskAppOptions, 'tasks'> {
  readonly bull?: Partial<ResolvedBullmqOptions>;
}

/** Instances of one application, in this process. */
export class Instances {
  readonly prefix: string;
  readonly #server: RedisServer;
  readonly #tasks: readonly Type[];

  constructor(server: RedisServer, tasks: readonly Type[], prefix = newPrefix()) {
    this.prefix = prefix;
    this.#server = server;
    this.#tasks = tasks;
  }

  /** One that runs handlers, unless `bull` says otherwise. */
  start({ bull, options, ...app }: InstanceOptions = {}): Promise<TaskApp> {
    const all: StreamingModuleOptions = { ...options, engine: redisEngine(this.#server, this.prefix, bull) };
    return createTaskApp({ listen: false, ...app, tasks: this.#tasks, options: all });
  }

  /** One that runs none. */
  startWeb({ bull, ...options }: InstanceOptions = {}): Promise<TaskApp> {
    return this.start({ ...options, bull: { ...bull, run: false } });
  }
}
