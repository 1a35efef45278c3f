// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { AsyncContext } from '../../cancellation/async-context.js';
import { type TaskCleanup, taskContextStorage } from '../../task/task-context.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import { Countdown } from '../countdown.js';
import { addCleanupErrors, type Decision } from '../outcome/decide-outcome.js';
import { outcomeOf } from '../outcome/run-outcome.js';
import type { TaskRun } from '../task-run.js';
import type { RunContext } from './run-context.js';

/** Cleanup, and the async context it was registered in: it runs there, and so do the listeners on its signal. */
export interface RegisteredCleanup {
  readonly cleanup: TaskCleanup;
  readonly context: AsyncContext;
}

/** Where cleanup is taken from, the last registered first. Cleanup may register more. */
interface CleanupStack {
  takeDefer(): RegisteredCleanup | undefined;
  /** Nothing more can be registered. */
  closeDefers(): void;
}

interface CleanupResult {
  /** What cleanup threw, in order. */
  readonly errors: readonly unknown[];
  /** Whether the time was over while some of it still ran. */
  readonly abandoned: boolean;
}

/** So many are called until the event loop has a turn: cleanup may register itself again without end. */
const CALLS_PER_TURN = 100;

/**
 * Runs all cleanup, one after the other. When the time is over the signal aborts, and nothing more can be registered. What
 * was registered by then is still called, and waited for no longer than a turn of the event loop.
 */
class RunCleanup {
  /** Aborts the signal of each cleanup that was called. */
  readonly #aborts: (() => void)[] = [];
  readonly #onLate: (error: unknown) => void;
  readonly #expiry: Promise<void>;
  #expire = (): void => {};
  readonly #time = new Countdown(() => {
    this.#expire();
    this.#isExpired = true;
    for (const abort of this.#aborts.splice(0)) abort();
  });
  #isExpired = false;

  /**
   * @param ms the time all of it has together
   * @param onLate called with what cleanup throws after it was given up
   */
  constructor(ms: number, onLate: (error: unknown) => void) {
    this.#onLate = onLate;
    this.#expiry = new Promise((resolve) => {
      this.#expire = resolve;
    });
    this.shorten(ms);
  }

  /** Leaves at most `ms` from now. */
  shorten(ms: number): void {
    this.#time.shorten(ms);
  }

  async run(stack: CleanupStack, outcome: TaskOutcome): Promise<CleanupResult> {
    const errors: unknown[] = [];
    let abandoned = false;
    let calls = 0;
    for (let cleanup = stack.takeDefer(); cleanup; cleanup = stack.takeDefer()) {
      const state = { finished: false, givenUp: false };
      const finished = this.#call(cleanup, outcome).then(
        () => {
          state.finished = true;
        },
        (error: unknown) => {
          if (state.givenUp) return this.#onLate(error);
          state.finished = true;
          errors.push(error);
        },
      );
      await Promise.race([finished, this.#expiry]);
      if (!state.finished || ++calls % CALLS_PER_TURN === 0) await nextTurn();
      if (!state.finished) abandoned = state.givenUp = true;
      if (this.#isOver) stack.closeDefers();
    }
    this.#time.stop();
    return { errors, abandoned };
  }

  get #isOver(): boolean {
    return this.#isExpired || this.#time.isOver;
  }

  async #call({ cleanup, context }: RegisteredCleanup, outcome: TaskOutcome): Promise<void> {
    const controller = new AbortController();
    if (this.#isExpired) controller.abort();
    else this.#aborts.push(() => context.run(() => controller.abort()));
    await context.run(cleanup, outcome, controller.signal);
  }
}

/** Runs the cleanup of a try, and gives what its decision becomes by that. */
export async function cleanUp(run: TaskRun, context: RunContext, decision: Decision): Promise<Decision> {
  if (!context.hasDefers) return decision;
  const cleanup = new RunCleanup(run.time.within(run.options.grace), (error) =>
    run.report.error('The cleanup, given up before it threw,', error),
  );
  run.time.underWay = cleanup;
  const { errors, abandoned } = await taskContextStorage.run(context, () =>
    cleanup.run(context, outcomeOf(decision, run)),
  );
  run.time.underWay = undefined;
  if (abandoned && !decision.abandoned) run.report.abandonedCleanup();
  return addCleanupErrors(run.key, { ...decision, ...(abandoned && { abandoned }) }, errors);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
