import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Instance } from './instance.js';
import { LoadBalancer } from './load-balancer.js';
import { freePorts } from './program.js';
import { RedisStore } from './redis.js';

const names = ['one', 'two', 'three'];

export interface ClusterOptions {
  /** Of the load balancer; 0 for a free one. */
  readonly port: number;
  /** Called when an instance is lost and started again, and when that has succeeded or failed. */
  readonly onLost: (instance: Instance, restarted: Promise<void>) => void;
}

/** Redis, three instances of the application, and the load balancer in front of them. */
export class Cluster {
  readonly redis = new RedisStore();
  readonly #loadBalancer = new LoadBalancer();
  readonly #options: ClusterOptions;
  #instances: readonly Instance[] = [];
  #folder: string | undefined;
  #port = 0;
  #started: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** @throws ClusterError if something is not installed */
  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get instances(): readonly Instance[] {
    return this.#instances;
  }

  /** Resolves when it answers. */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  /** Ends all of it, in order: the instances still need Redis when they close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#started.catch(() => undefined);
    await this.#loadBalancer.stop();
    await Promise.all(this.#instances.map((instance) => instance.stop()));
    await this.redis.stop();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'many-instances-'));
    this.#folder = folder;
    const [ownPort = 0, ...ports] = await freePorts(names.length + 1);
    this.#port = this.#options.port === 0 ? ownPort : this.#options.port;
    await this.redis.start(folder);
    const env = { REDIS_URL: this.redis.url, INSTANCES: names.join() };
    this.#instances = ports.map((port, index) => {
      const onLost = (restarted: Promise<void>): void => this.#options.onLost(instance, restarted);
      const instance = new Instance(names[index] ?? String(port), port, env, onLost);
      return instance;
    });
    if (this.#isClosed) return;
    await this.#loadBalancer.start(folder, this.#port, ports);
    if (this.#isClosed) return;
    await Promise.all(this.#instances.map((instance) => instance.start()));
  }
}
