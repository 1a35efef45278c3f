import type { Logger } from '@nestjs/common';
import type { ListenerDelivery } from '../engine/listeners/listener-delivery.js';
import { LogEntry } from '../log/log-entry.js';
import { RunReporter } from '../run/run-reporter.js';
import type { Json } from '../task/json/json.js';
import { refOf } from './ref-of.js';
import { readTask } from './redis/redis-log-source.js';
import type { RedisTasks } from './redis/redis-tasks.js';
import type { StoreConnection } from './redis/connection/store-connection.js';

export interface TellParts {
  readonly connection: StoreConnection;
  readonly tasks: RedisTasks;
  readonly listeners: ListenerDelivery;
  readonly logger: Logger;
}

/**
 * Calls the listeners of this instance with the end of a task that no instance runs. The instance that has ended it does so: Redis
 * tells no other one that it has.
 *
 * @param epoch of its run; `undefined` for whichever has ended
 */
export async function tellListeners(
  { connection, tasks, listeners, logger }: TellParts,
  key: string,
  epoch: string | undefined,
): Promise<void> {
  const ref = refOf(key);
  if (!listeners.hears(ref)) return;
  const keys = tasks.keysOf(key);
  const known = await readTask(connection, keys, 1, 0);
  if (!known) return;
  // Of a budget of one byte Redis gives one event.
  const page = await readTask(connection, keys, known.lastSeq, 1);
  const end = page?.events[0];
  // It may have been restarted by now.
  if (!page?.ended || !end || (epoch !== undefined && page.record.epoch !== epoch)) return;
  const { owner, metadata, epoch: ofRun } = page.record;
  const options = {
    ...(owner !== null && { owner }),
    ...(metadata !== null && { metadata: JSON.parse(metadata) as Json }),
  };
  const log = { epoch: ofRun, epochLength: ofRun.length };
  listeners.tell(
    { ref, options, report: new RunReporter(key, logger) },
    new LogEntry(log, end.seq, end.type, end.json, end.timestamp),
  );
}
