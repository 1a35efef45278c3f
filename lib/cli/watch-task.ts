import type { EventsOptions, RunOutcome, TaskRun } from '../client/index.js';
import { isGone } from './errors.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { Interrupts } from './interrupts.js';
import type { View } from './output/view.js';
import type { Server } from './server.js';

/**
 * Shows the events of a task up to its end, or until somebody stops it.
 *
 * @returns the exit code
 */
export async function watchTask(
  server: Server,
  run: TaskRun,
  view: View,
  where: Pick<EventsOptions, 'after' | 'from'> = {},
): Promise<number> {
  const stopped = new AbortController();
  const { signal } = stopped;
  const interrupts = new Interrupts(view, {
    stop: () => stopped.abort(),
    cancel: () => run.cancel(),
  });
  try {
    const outcome = await server.reach(() => readAll(run, view, { ...where, signal }));
    view.outcome(run, outcome);
    return exitCodeOf(outcome.status) ?? exitCodes.failed;
  } catch (error) {
    if (signal.aborted) return exitCodes.stopped;
    throw error;
  } finally {
    // What is still read is of no use any more.
    stopped.abort();
    interrupts.close();
  }
}

async function readAll(run: TaskRun, view: View, options: EventsOptions): Promise<RunOutcome> {
  try {
    for await (const event of run.events(options)) {
      if (!view.tellsOutcomes || exitCodeOf(event.type) === undefined) view.event(event);
    }
  } catch (error) {
    if (!isGone(error)) throw error;
    return { status: 'gone' };
  }
  return run.outcome(options.signal ? { signal: options.signal } : {});
}
