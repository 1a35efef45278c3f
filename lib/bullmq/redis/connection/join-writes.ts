import { setImmediate } from 'node:timers';
import type { Redis } from 'ioredis';
import { inRootContext } from '../../../cancellation/async-context.js';
import { isCluster, type RedisClient } from '../scripts/script.js';

/**
 * Has what a client sends in one turn of the event loop leave in one write: ioredis writes each command by itself, and the system's part
 * of that is most of what a command costs. BullMQ's commands go along.
 */
export function joinWrites(client: RedisClient): void {
  if (!isCluster(client)) {
    follow(client);
    return;
  }
  for (const node of client.nodes()) follow(node);
  client.on('+node', follow);
}

/** It has a socket not before it connects, and each time another one. */
function follow(node: Redis): void {
  node.on('connect', () => join(node.stream));
}

function join(socket: Redis['stream']): void {
  const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
  let isCorked = false;
  const uncork = (): void => {
    isCorked = false;
    socket.uncork();
  };
  Object.assign(socket, {
    write: (...given: unknown[]) => {
      if (!isCorked) {
        isCorked = true;
        socket.cork();
        // Behind the callbacks of this turn: journals write in such ones, and answers that came together are followed by commands.
        inRootContext(() => setImmediate(uncork));
      }
      return write(...given);
    },
  });
}
