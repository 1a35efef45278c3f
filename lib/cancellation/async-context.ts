import { AsyncResource } from 'node:async_hooks';

const TYPE = 'nestjs-streaming';

/**
 * The async context in which it is made: the stores of every `AsyncLocalStorage`. A callback that other code calls much
 * later runs in it.
 */
export class AsyncContext extends AsyncResource {
  // `AsyncLocalStorage.snapshot()` does the same, and defines properties on a function each time: five times as slow.
  constructor() {
    super(TYPE);
  }

  run<Args extends unknown[], Result>(body: (...args: Args) => Result, ...args: Args): Result {
    return this.runInAsyncScope(body, undefined, ...args);
  }
}

const root = new AsyncContext();

/**
 * Runs a body in no caller's context. For timers that outlive the call which sets them: a timer keeps the context alive
 * that it is set in.
 */
export function inRootContext<Args extends unknown[], Result>(
  body: (...args: Args) => Result,
  ...args: Args
): Result {
  return root.run(body, ...args);
}
