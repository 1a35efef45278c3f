import type { CancelledError } from '../../../cancellation/cancelled.error.js';
import type { TaskHandler } from '../../../task/task-handler.interface.js';
import { closeGenerator, driveGenerator, isGenerator } from './drive-generator.js';
import { closeIterable, driveIterable, isAsyncIterable } from './drive-iterable.js';
import { driveObservable, isObservableLike } from './drive-observable.js';
import type { RunContext } from './run-context.js';

/** Runs a handler of any form to its end, and gives what it returned or rejects with what it threw. */
export async function invokeHandler(handler: TaskHandler, context: RunContext): Promise<unknown> {
  const returned: unknown = handler.process(context);
  return drive(isSource(returned) ? returned : await returned, context);
}

function drive(returned: unknown, context: RunContext): unknown {
  if (!isSource(returned)) return returned;
  // What was cancelled before it began never begins.
  if (context.cancelled) return closeUnread(returned, context);
  if (isObservableLike(returned)) return driveObservable(returned, context);
  if (isGenerator(returned)) return driveGenerator(returned, context);
  if (isAsyncIterable(returned)) return driveIterable(returned, context);
  return returned;
}

async function closeUnread(source: unknown, context: RunContext): Promise<never> {
  // It may be withdrawn while the source is closed. Closed, the source gives nothing all the same.
  const { cancellation } = context;
  if (isGenerator(source)) await closeGenerator(source);
  else if (isAsyncIterable(source)) await closeIterable(source);
  throw cancellation as CancelledError;
}

/** Whether it gives values one after the other. */
function isSource(value: unknown): boolean {
  return isObservableLike(value) || isGenerator(value) || isAsyncIterable(value);
}
