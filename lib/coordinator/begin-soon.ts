// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import { inRootContext } from '../cancellation/async-context.js';
import type { TaskRun } from './run/task-run.js';

/** Promises get no turn between the first steps of so many handlers. */
const MOST_TOGETHER = 16;

let next: TaskRun[] | undefined;

/** Begins a run in a later turn of the event loop, a few of them together: an Immediate for each costs more. */
export function beginSoon(run: TaskRun): void {
  if (next && next.length < MOST_TOGETHER) {
    next.push(run);
    return;
  }
  const runs = (next = [run]);
  inRootContext(setImmediate, () => {
    // What is started from here on begins in a later turn.
    next = undefined;
    for (const each of runs) each.begin();
  });
}
