// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import { inRootContext } from '../../cancellation/async-context.js';
import type { TaskRun } from '../../run/task-run.js';

/** So many handlers take their first step before any promise continues. */
const MAX_RUNS_PER_IMMEDIATE = 16;

let next: TaskRun[] | undefined;

/** Begins a run in a later macrotask, a few of them together: an Immediate for each costs more. */
export function beginSoon(run: TaskRun): void {
  if (next && next.length < MAX_RUNS_PER_IMMEDIATE) {
    next.push(run);
    return;
  }
  const runs = (next = [run]);
  inRootContext(setImmediate, () => {
    // What is started from here on begins in a later one.
    next = undefined;
    beginAll(runs);
  });
}

/** A fault in one keeps no other from its beginning. */
function beginAll(runs: readonly TaskRun[]): void {
  let begun = 0;
  try {
    for (const run of runs) {
      begun++;
      run.begin();
    }
  } finally {
    if (begun < runs.length) beginAll(runs.slice(begun));
  }
}
