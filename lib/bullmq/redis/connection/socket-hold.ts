import type { Redis } from 'ioredis';
import { isCluster, type RedisClient } from '../scripts/script.js';

/**
 * Whether the sockets of some clients keep the process alive. They must not before the application has started: if a hook of it fails,
 * they are not closed. Of a cluster that is so for its nodes, not for what the client subscribes with.
 */
export class SocketHold {
  readonly #nodes = new Set<Redis>();
  #isHeld = false;

  constructor(clients: readonly RedisClient[]) {
    for (const client of clients) {
      if (!isCluster(client)) {
        this.#follow(client);
        continue;
      }
      for (const node of client.nodes()) this.#follow(node);
      client.on('+node', (node: Redis) => this.#follow(node));
      client.on('-node', (node: Redis) => this.#nodes.delete(node));
    }
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  hold(): void {
    this.#isHeld = true;
    for (const node of this.#nodes) this.#apply(node);
  }

  letGo(): void {
    this.#isHeld = false;
    for (const node of this.#nodes) this.#apply(node);
  }

  #follow(node: Redis): void {
    this.#nodes.add(node);
    // Each time that it connects it has another socket.
    node.on('connect', () => this.#apply(node));
    this.#apply(node);
  }

  #apply(node: Redis): void {
    const socket = node.stream as Redis['stream'] | undefined;
    if (this.#isHeld) socket?.ref();
    else socket?.unref();
  }
}
