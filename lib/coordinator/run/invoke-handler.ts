import { isObservable, type Observable, Subscription } from 'rxjs';
import { taskContextStorage } from '../../task/task-context.js';
import type { TaskHandler } from '../../task/task-handler.interface.js';
import type { RunContext } from './run-context.js';

/** Runs a handler of any form to its end, and gives what it returned or rejects with what it threw. */
export function invokeHandler(handler: TaskHandler, context: RunContext): Promise<unknown> {
  return taskContextStorage.run(context, run, handler, context);
}

async function run(handler: TaskHandler, context: RunContext): Promise<unknown> {
  const returned: unknown = handler.process(context);
  return finish(isForm(returned) ? returned : await returned, context);
}

function finish(returned: unknown, context: RunContext): unknown {
  // What was cancelled before it began never begins.
  if (isForm(returned)) context.throwIfCancelled();
  if (isObservable(returned)) return observe(returned, context);
  if (isAsyncGenerator(returned)) return drive(returned, context);
  return returned;
}

/**
 * Drives an async generator. It stands at each `yield` for one turn of the event loop, so that a loop that only yields
 * can be cancelled. A cancellation that finds it there, and a value that cannot be sent, are thrown at the `yield`.
 */
async function drive(generator: AsyncGenerator<unknown>, context: RunContext): Promise<unknown> {
  let last: unknown;
  let step = await generator.next();
  while (!step.done) {
    last = step.value;
    let refused: { readonly error: unknown } | undefined;
    try {
      context.emitProgress(last);
    } catch (error) {
      refused = { error };
    }
    await new Promise((resolve) => setImmediate(resolve));
    if (context.closed) {
      await generator.return(undefined);
      return last;
    }
    if (context.cancelled) step = await generator.throw(context.cancellation);
    else step = await (refused ? generator.throw(refused.error) : generator.next());
  }
  return step.value === undefined ? last : step.value;
}

/** Subscribes to an Observable; a cancellation unsubscribes, which runs its teardown once. */
function observe(source: Observable<unknown>, context: RunContext): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let last: unknown;
    // Made first: a source that emits while it is subscribed to can be unsubscribed from there.
    const subscription = new Subscription();
    const stop = (error: unknown): void => {
      subscription.unsubscribe();
      reject(error);
    };
    const registration = context.onCancel(() => stop(context.cancellation));
    subscription.add(() => registration[Symbol.dispose]());
    subscription.add(
      source.subscribe({
        next: (value) => {
          if (subscription.closed) return;
          last = value;
          try {
            context.emitProgress(value);
          } catch (error) {
            stop(error);
          }
        },
        error: stop,
        complete: () => {
          subscription.unsubscribe();
          resolve(last);
        },
      }),
    );
  });
}

function isForm(value: unknown): boolean {
  return isObservable(value) || isAsyncGenerator(value);
}

function isAsyncGenerator(value: unknown): value is AsyncGenerator<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { next, throw: raise } = value as Partial<AsyncGenerator<unknown>>;
  return typeof next === 'function' && typeof raise === 'function' && Symbol.asyncIterator in value;
}
