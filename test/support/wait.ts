// From the module, not the globals: these bounds must hold while a test has fake timers on.
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * How long a test waits for what it expects, in milliseconds: for what hangs. On a busy machine what takes some
 * milliseconds may take seconds.
 */
export const patience = 20_000;

/**
 * How long the close of an application may take, in milliseconds. It takes some; a connection that is kept alive would
 * hold it up for 5 s, one that does not read for as long as a shutdown may take.
 */
export const closeBound = 4_000;

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/** A promise that is settled from outside, e.g. to hold a handler where the test wants it. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve'];
  let reject!: Deferred<T>['reject'];
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/**
 * Settles as `promise` does, or rejects after `ms` milliseconds.
 *
 * @param what names the wait in the error; a function is asked when the time is up, so that it can tell what stands then
 */
export async function withTimeout<T>(
  promise: PromiseLike<T>,
  ms: number,
  what: string | (() => string),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`Not within ${ms} ms: ${typeof what === 'string' ? what : what()}`));
    }, ms);
  });
  try {
    return await Promise.race([promise, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

export interface EventuallyOptions {
  /** Milliseconds until the last failure is the answer. Default {@link patience}. */
  readonly timeout?: number;
  /** Milliseconds between two tries. Default 10. */
  readonly interval?: number;
}

/**
 * Runs `fn` until it neither throws nor returns `false`, and returns what it returned. For what cannot be awaited:
 * prefer a promise, an event or a hook of the thing under test wherever there is one.
 */
export async function eventually<T>(fn: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeout = patience, interval = 10 } = options;
  const end = performance.now() + timeout;
  for (;;) {
    let failure: unknown;
    try {
      const value = await fn();
      if (value !== false) return value;
      failure = new Error('it was false');
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= end) {
      throw new Error(`Not within ${timeout} ms: ${messageOf(failure)}`, { cause: failure });
    }
    await delay(interval);
  }
}

// By shape: in Jest's sandbox the errors of Node's core are not instances of its Error.
function messageOf(failure: unknown): string {
  const hasMessage = typeof failure === 'object' && failure !== null && 'message' in failure;
  return String(hasMessage ? failure.message : failure);
}
