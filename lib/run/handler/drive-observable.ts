import { from, isObservable, type Observable, type ObservableInput, Subscription } from 'rxjs';
import { AsyncContext } from '../../cancellation/async-context.js';
import { whenCancelled } from '../../cancellation/scope/when-cancelled.js';
import type { RunContext } from './run-context.js';

/** What other libraries mark their Observables with. */
const INTEROP: unknown = Reflect.get(Symbol, 'observable') ?? '@@observable';

/** Whether a value is an Observable, of RxJS or of another library. */
export function isObservableLike(value: unknown): value is ObservableInput<unknown> {
  if (isObservable(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, INTEROP as PropertyKey) === 'function' || '@@observable' in value;
}

/** Subscribes to an Observable; a cancellation unsubscribes, which runs its teardown once. */
export function driveObservable(input: ObservableInput<unknown>, context: RunContext): Promise<unknown> {
  const source: Observable<unknown> = isObservable(input) ? input : from(input);
  return new Promise((resolve, reject) => {
    let last: unknown;
    // Made first: a source that emits while it is subscribed to can be unsubscribed from there.
    const subscription = new Subscription();
    // Its teardown runs here, wherever the source ends.
    const asyncContext = new AsyncContext();
    const unsubscribe = (): void => asyncContext.run(() => subscription.unsubscribe());
    const fail = (error: unknown): void => {
      try {
        unsubscribe();
        reject(error);
      } catch (teardownError) {
        reject(teardownError);
      }
    };
    const registration = whenCancelled(context, fail);
    subscription.add(() => registration[Symbol.dispose]());
    const observer = {
      next(value: unknown) {
        if (subscription.closed) return;
        last = value;
        try {
          void context.emitProgress(value);
        } catch (error) {
          fail(error);
        }
      },
      error: fail,
      complete() {
        try {
          unsubscribe();
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
