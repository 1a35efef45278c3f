import type { TaskRef } from 'nestjs-streaming';
import type { RedisServer } from '../../support/programs/redis.js';
import type { Instances } from './instances.js';

/** Has BullMQ give the job of a running task to others, as when its instance was lost. */
export async function takeLease(
  server: RedisServer,
  { prefix }: Instances,
  { app, name, id }: TaskRef,
): Promise<void> {
  const queue = `${prefix}.${app}.${name}`;
  const keys = `{${queue}}:${queue}`;
  const client = server.connect();
  await client
    .multi()
    .del(`${keys}:${id}:lock`)
    .lrem(`${keys}:active`, 1, id)
    .zadd(`${keys}:prioritized`, 0, id)
    .zadd(`${keys}:marker`, 0, '0')
    .exec();
}
