export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as Partial<PromiseLike<unknown>>).then === 'function';
}

/** To be awaited by what goes on a microtask later, on a stack of its own. */
export const nextMicrotask: Promise<void> = Promise.resolve();

/** A rejected promise that is no unhandled rejection when it is not awaited. */
export function rejectedQuietly(reason: unknown): Promise<never> {
  const promise = Promise.reject<never>(reason);
  promise.catch(() => {});
  return promise;
}

/** Settles as `work` does. A rejection that passes the test is no unhandled rejection when it is not awaited; any other is. */
export function quietIf<T>(work: Promise<T>, isQuiet: (error: unknown) => boolean): Promise<T> {
  const promise = new Promise<T>((resolve, reject) => {
    work.then(resolve, (error: unknown) => {
      if (isQuiet(error)) promise.catch(() => {});
      reject(error);
    });
  });
  return promise;
}
