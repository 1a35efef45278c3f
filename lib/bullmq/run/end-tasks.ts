import { clock } from '../../cancellation/time/clock.js';
import { within } from '../../cancellation/time/countdown.js';
import type { EndedTasks } from '../../engine/task-engine.js';
import type { ShutdownOptions } from '../../streaming.options.js';
import type { Filled } from '../../task/options/task-options.js';
import type { TerminalStatus } from '../../task/task-status.js';
import type { TaskRunner } from './task-runner.js';
import type { TaskWorker } from './task-worker.js';

export const NOTHING_ENDED: Omit<EndedTasks, 'left'> = {
  completed: 0,
  cancelled: 0,
  failed: 0,
  timedOut: 0,
  abandoned: [],
  handedOver: [],
};

/** Ends the tasks of an instance, or hands them over. */
export async function endTasks(
  runner: TaskRunner,
  workers: readonly TaskWorker[],
  { drain, timeout }: Filled<ShutdownOptions>,
): Promise<EndedTasks> {
  const closing = Promise.allSettled(workers.map((worker) => worker.close()));
  const runs = runner.beginClosing();
  const all = Promise.all(runs.map(({ over }) => over));
  if (drain > 0) await within(drain, all);
  const deadline = clock().now() + timeout;
  for (const owned of runs) owned.endBefore(timeout);
  await within(timeout, all);
  await within(Math.max(0, deadline - clock().now()), closing);
  const ended = runs.filter((owned) => owned.end?.kind === 'ended');
  const count = (status: TerminalStatus): number =>
    ended.filter(({ run }) => run.end?.status === status).length;
  return {
    completed: count('completed'),
    cancelled: count('cancelled'),
    failed: count('failed'),
    timedOut: count('timeout'),
    abandoned: runs.filter(({ isAbandoned }) => isAbandoned).map(({ key }) => key),
    handedOver: runs.filter(({ isGone }) => isGone).map(({ key }) => key),
    left: Math.max(0, deadline - clock().now()),
  };
}
