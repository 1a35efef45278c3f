import { clock } from '../../cancellation/time/clock.js';
import type { CancelledError } from '../../cancellation/errors.js';
import { taskContextStorage } from '../../task/task-context.js';
import type { TaskHandler } from '../../task/task-handler.interface.js';
import type { Settlement } from '../outcome/decide-outcome.js';
import { CancelWatch } from './cancel-watch.js';
import { closeGenerator, driveGenerator, isGenerator } from './drive-generator.js';
import { closeIterable, driveIterable, isAsyncIterable } from './drive-iterable.js';
import { driveObservable, isObservableLike } from './drive-observable.js';
import type { TaskRun } from '../task-run.js';
import type { RunContext } from './run-context.js';

/**
 * Runs the handler of a try, of any form, to its end. The handler is in the async context of its task, the run is not. One
 * async function does all of it: a promise costs several times as much once an `AsyncLocalStorage` is in use.
 */
export async function runHandler(run: TaskRun, context: RunContext): Promise<void> {
  let settlement: Settlement;
  try {
    const returned = taskContextStorage.run(context, invoke, run, context);
    let value = returned instanceof Source ? returned : await returned;
    const source = Source.of(value);
    if (source) value = await taskContextStorage.run(context, () => source.drive(context));
    settlement = { kind: 'returned', value };
  } catch (error) {
    settlement = { kind: 'threw', error };
  }
  run.settle(context, settlement);
}

/** Each try gets a handler of its own where they are made for one request. */
function invoke(run: TaskRun, context: RunContext): Source | Promise<unknown> {
  const resolved = run.type.resolve(context);
  if (resolved instanceof Promise) return resolved.then((handler) => call(handler, run, context));
  return call(resolved, run, context);
}

/** Gives the source that the handler returned, or a promise of anything else. */
function call(handler: TaskHandler, run: TaskRun, context: RunContext): Source | Promise<unknown> {
  context.throwIfCancelled();
  run.calledAt ??= clock().now();
  const returned: unknown = handler.process(context);
  // What can be awaited and is no promise of JavaScript's own may begin to work here, in the context of the task.
  return Source.of(returned) ?? Promise.resolve(returned);
}

/** What gives values one after the other. */
class Source {
  private constructor(private readonly values: unknown) {}

  /** `undefined` for anything that is no source. */
  static of(value: unknown): Source | undefined {
    if (value instanceof Source) return value;
    const isSource = isObservableLike(value) || isGenerator(value) || isAsyncIterable(value);
    return isSource ? new Source(value) : undefined;
  }

  async drive(context: RunContext): Promise<unknown> {
    const values = this.values;
    // What was cancelled before it began never begins.
    if (context.cancelled) return closeUnread(values, context);
    if (isObservableLike(values)) return driveObservable(values, context);
    const watch = new CancelWatch(context);
    try {
      if (isGenerator(values)) return await driveGenerator(values, context, watch);
      return await driveIterable(values as AsyncIterable<unknown>, context, watch);
    } finally {
      watch[Symbol.dispose]();
    }
  }
}

async function closeUnread(values: unknown, context: RunContext): Promise<never> {
  // It may be withdrawn while the source is closed. Closed, the source gives nothing all the same.
  const { cancellation } = context.node;
  if (isGenerator(values)) await closeGenerator(values);
  else if (isAsyncIterable(values)) await closeIterable(values);
  throw cancellation as CancelledError;
}
