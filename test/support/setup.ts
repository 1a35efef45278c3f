/**
 * Runs before every test file: no test may leave an unhandled rejection, an uncaught exception or a
 * `MaxListenersExceededWarning` behind, whatever else it asserts.
 *
 * Jest hands each test file a copy of `process` that never hears these events. The process itself is reached
 * through its own context.
 */
import { afterAll, afterEach } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { runInThisContext } from 'node:vm';

const realProcess = runInThisContext('process') as NodeJS.Process;
// Taken from outside too: a test may have put fake timers on its own globals.
const realSetImmediate = runInThisContext('setImmediate') as typeof setImmediate;

// Jest puts the listeners of earlier files back when a file ends, so they add up to one for each.
realProcess.setMaxListeners(0);

const faults: string[] = [];
let suiteIsOver = false;

const onUnhandledRejection = (reason: unknown): void => {
  faults.push(`unhandledRejection: ${inspect(reason)}`);
};
const onUncaughtException = (error: unknown): void => {
  faults.push(`uncaughtException: ${inspect(error)}`);
};
const onWarning = (warning: Error): void => {
  if (warning.name !== 'MaxListenersExceededWarning') return;
  // The file's own afterAll hooks run after ours. What is thrown here then reaches Jest's handler of uncaught
  // exceptions, which fails the file; the other two kinds reach it by themselves.
  if (suiteIsOver) throw warning;
  faults.push(inspect(warning));
};

realProcess.on('unhandledRejection', onUnhandledRejection);
realProcess.on('uncaughtException', onUncaughtException);
realProcess.on('warning', onWarning);

// A worker runs many test files in one process. What a file leaves there stays until the next one begins, so that nothing
// falls between our afterAll and the end of the file.
const cleanupKey = Symbol.for('nestjs-streaming.test.cleanUp');
const registry = realProcess as NodeJS.Process & { [cleanupKey]?: () => void };
registry[cleanupKey]?.();

// Each file has storages of its own, and so has Jest for each. Before version 24 of Node every promise of the process copies the
// values of all that are in use: with each file the next ones take longer, and a test of many promises took gigabytes.
const storages = new Set<AsyncLocalStorage<unknown>>();
const { run, enterWith } = AsyncLocalStorage.prototype;
Object.assign(AsyncLocalStorage.prototype, {
  run(this: AsyncLocalStorage<unknown>, ...given: Parameters<typeof run>): unknown {
    storages.add(this);
    return Reflect.apply(run, this, given);
  },
  enterWith(this: AsyncLocalStorage<unknown>, store: unknown): void {
    storages.add(this);
    Reflect.apply(enterWith, this, [store]);
  },
});

registry[cleanupKey] = () => {
  realProcess.off('unhandledRejection', onUnhandledRejection);
  realProcess.off('uncaughtException', onUncaughtException);
  realProcess.off('warning', onWarning);
  Object.assign(AsyncLocalStorage.prototype, { run, enterWith });
  for (const storage of storages) storage.disable();
};

async function assertNoFaults(): Promise<void> {
  // Rejections are reported after the microtasks, warnings in the next tick: let both arrive.
  await new Promise<void>((resolve) => {
    realSetImmediate(resolve);
  });
  if (faults.length === 0) return;
  throw new Error(`The process reported what no test handled:\n${faults.splice(0).join('\n')}`);
}

afterEach(assertNoFaults);
afterAll(async () => {
  suiteIsOver = true;
  await assertNoFaults();
});
