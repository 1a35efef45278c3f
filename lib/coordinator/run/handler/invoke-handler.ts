import { isObservable, type Observable, Subscription } from 'rxjs';
import type { TaskHandler } from '../../../task/task-handler.interface.js';
import type { RunContext } from './run-context.js';

/** Runs a handler of any form to its end, and gives what it returned or rejects with what it threw. */
export async function invokeHandler(handler: TaskHandler, context: RunContext): Promise<unknown> {
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
    if (context.over) {
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
    const fail = (error: unknown): void => {
      try {
        subscription.unsubscribe();
        reject(error);
      } catch (teardownError) {
        reject(teardownError);
      }
    };
    const registration = context.onCancel(() => fail(context.cancellation));
    subscription.add(() => registration[Symbol.dispose]());
    const observer = {
      next(value: unknown) {
        if (subscription.closed) return;
        last = value;
        try {
          context.emitProgress(value);
        } catch (error) {
          fail(error);
        }
      },
      error: fail,
      complete() {
        try {
          subscription.unsubscribe();
        } catch (teardownError) {
          reject(teardownError);
        }
        // Not before a teardown has run that the source returns only now.
        queueMicrotask(() => resolve(last));
      },
    };
    try {
      subscription.add(source.subscribe(observer));
    } catch (error) {
      reject(error);
    }
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
