// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { AsyncContext } from '../../cancellation/async-context.js';
import { clock } from '../../cancellation/time/clock.js';
import type { Countdown } from '../../cancellation/time/countdown.js';
import { type TaskCleanup, taskContextStorage } from '../../task/task-context.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import { addCleanupErrors, type Decision, outcomeOf } from '../outcome/decide-outcome.js';
import type { TimeLimits } from '../cancel/time-limits.js';
import type { TaskRun } from '../task-run.js';
import type { RunContext } from './run-context.js';

/** Cleanup, and the async context it was registered in: it runs there, and so do the listeners on its signal. */
export interface RegisteredCleanup {
  readonly cleanup: TaskCleanup;
  readonly context: AsyncContext;
}

/** So many are called until the event loop has a turn: cleanup may register itself again without end. */
const CALLS_PER_TURN = 100;

/**
 * Runs all cleanup of a try, one after the other, the last registered first. When the time is over the signal aborts, and
 * nothing more can be registered. What was registered by then is still called, and waited for no longer than a turn of the
 * event loop.
 */
class RunCleanup {
  /** What cleanup threw, in order. */
  readonly errors: unknown[] = [];
  /** Whether the time was over while some of it still ran. */
  isAbandoned = false;
  readonly #run: TaskRun;
  /** Aborts the signal of each cleanup that was called. */
  readonly #aborts: (() => void)[] = [];
  /** The run may let go of them before its cleanup ends. */
  readonly #limits: TimeLimits;
  readonly #time: Countdown;

  constructor(run: TaskRun) {
    this.#run = run;
    this.#limits = run.time;
    this.#time = this.#limits.beginWork(run.options.grace, () => {
      for (const abort of this.#aborts.splice(0)) abort();
    });
  }

  async run(context: RunContext, outcome: TaskOutcome): Promise<void> {
    let calls = 0;
    for (let next = context.takeDefer(); next; next = context.takeDefer()) {
      const state = { finished: false, givenUp: false };
      const finished = this.#call(next, outcome).then(
        () => {
          state.finished = true;
        },
        (error: unknown) => {
          if (state.givenUp) return this.#run.report.error('The cleanup, given up before it threw,', error);
          state.finished = true;
          this.errors.push(error);
        },
      );
      await this.#time.wait(finished);
      if (!state.finished || ++calls % CALLS_PER_TURN === 0) await nextTurn();
      if (!state.finished) this.isAbandoned = state.givenUp = true;
      if (this.#time.hasEnded || clock().now() >= this.#time.endsAt) context.closeDefers();
    }
    this.#limits.endWork(this.#time);
  }

  async #call({ cleanup, context }: RegisteredCleanup, outcome: TaskOutcome): Promise<void> {
    const controller = new AbortController();
    if (this.#time.hasEnded) controller.abort();
    else this.#aborts.push(() => context.run(() => controller.abort()));
    await context.run(cleanup, outcome, controller.signal);
  }
}

/** Runs the cleanup of a try, and gives what its decision becomes by that. */
export async function cleanUp(run: TaskRun, context: RunContext, decision: Decision): Promise<Decision> {
  if (!context.hasDefers) return decision;
  const cleanup = new RunCleanup(run);
  await taskContextStorage.run(context, () => cleanup.run(context, outcomeOf(decision, run)));
  const { errors, isAbandoned: abandoned } = cleanup;
  if (abandoned && !decision.abandoned) run.report.abandonedCleanup();
  return addCleanupErrors(run.key, { ...decision, ...(abandoned && { abandoned }) }, errors);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
