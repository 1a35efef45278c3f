import { Child } from '../support/child.js';
import { RedisServer } from './redis.js';

/** @typedef {import('./contenders/index.js').Kind} Kind */

/** Instances of one contender, each in a process of its own, with a Redis that nobody else uses. */
export class Cluster {
  /** @readonly */
  redis;
  /** @readonly */
  #name;
  /** @readonly @type {Child[]} */
  #children = [];

  /**
   * @template T
   * @param {string} name of the contender
   * @param {(cluster: Cluster) => Promise<T>} measure
   */
  static async use(name, measure) {
    const cluster = new Cluster(name, await RedisServer.start());
    try {
      return await measure(cluster);
    } finally {
      await Promise.all(cluster.#children.map((child) => child.stop()));
      await cluster.redis.stop();
    }
  }

  /**
   * @param {string} name
   * @param {RedisServer} redis
   */
  constructor(name, redis) {
    this.#name = name;
    this.redis = redis;
  }

  /** @param {...Kind} runs what runs there */
  async add(...runs) {
    const child = new Child(new URL('instance.js', import.meta.url), this.#name);
    this.#children.push(child);
    const { queue } = await child.call('start', { name: this.#name, port: this.redis.port, runs });
    return { child, queue: String(queue) };
  }

  /**
   * What something costs: the processor time of all instances together, and of Redis.
   *
   * @param {() => Promise<unknown>} work
   */
  async cost(work) {
    await Promise.all(this.#children.map((child) => child.call('meter')));
    const before = await this.redis.cpu();
    await work();
    /** @type {{ cpu: number, wall: number }[]} */
    const spent = await Promise.all(this.#children.map((child) => child.call('spent')));
    return {
      cpu: spent.reduce((sum, { cpu }) => sum + cpu, 0),
      wall: Math.max(...spent.map(({ wall }) => wall)),
      redis: (await this.redis.cpu()) - before,
    };
  }
}
