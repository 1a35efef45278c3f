// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { TaskRun } from '../run/task-run.js';

/** How many runs are asked about at once: an authorizer may need a query for each. */
const mostAtOnce = 100;

/**
 * The first `count` of these runs that may be seen. However many others there are, all of them are looked at: a client
 * that may see none must not learn from the answer that they exist.
 *
 * @param maySee asked once for each run until there are enough, for some at the same time
 * @param isGone whether the client has left, so that the rest is not looked at
 */
export async function visibleRuns(
  runs: readonly TaskRun[],
  count: number,
  maySee: (run: TaskRun) => Promise<boolean>,
  isGone: () => boolean,
): Promise<TaskRun[]> {
  const visible: TaskRun[] = [];
  let size = Math.min(count, mostAtOnce);
  for (let at = 0; at < runs.length && visible.length < count && !isGone(); size = grow(size)) {
    const batch = runs.slice(at, at + size);
    const answers = await Promise.all(batch.map(maySee));
    visible.push(...batch.filter((_, index) => answers[index]));
    at += batch.length;
    // The answers may have come without any I/O: others get their turn.
    await new Promise(setImmediate);
  }
  return visible.slice(0, count);
}

function grow(size: number): number {
  return Math.min(2 * size, mostAtOnce);
}
