import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';

export type RedisClient = Redis | Cluster;

export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/**
 * A Lua script. Redis runs it in one step: what it has read is still so when it writes. It may be sent twice, because a
 * connection was lost before its answer came, so each script recognises a call that it has carried out already.
 */
export class Script {
  readonly lua: string;
  readonly #sha: string;

  constructor(lua: string) {
    this.lua = lua;
    this.#sha = createHash('sha1').update(lua).digest('hex');
  }

  /** Redis keeps scripts by their hash, and may forget them: then the text is sent. */
  run(client: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return client.evalsha(this.#sha, keys.length, ...keys, ...args).catch((error: unknown) => {
      if (!isForgotten(error)) throw error;
      return client.eval(this.lua, keys.length, ...keys, ...args);
    });
  }
}

function isForgotten(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
