import { afterAll, expect } from '@jest/globals';
import { CancelledError, type CancelScope, runScope } from 'nestjs-streaming';
import { runInWorker, type WorkerOptions } from 'nestjs-streaming/worker';
import { Piscina } from 'piscina';
import { deferred, eventually, patience, withTimeout } from '../support/wait.js';

export const jobs = new URL('../fixtures/workers/jobs.mjs', import.meta.url);
export const answer = new URL('../fixtures/workers/answer.cjs', import.meta.url);

/** With one thread, for all tests of a file. */
export const pool = new Piscina({ minThreads: 1, maxThreads: 1 });
afterAll(() => pool.destroy());

/** A counter that a worker and the test both see. */
export class Counter {
  readonly buffer = new SharedArrayBuffer(4);
  readonly #view = new Int32Array(this.buffer);

  get value(): number {
    return Atomics.load(this.#view, 0);
  }

  /** Resolves when the worker has begun to count. */
  async running(): Promise<void> {
    await eventually(() => this.value > 0);
  }
}

/** Runs a job outside of any task. */
export function run(name: string, data: unknown, options: WorkerOptions = {}): Promise<unknown> {
  return runScope((scope) => runInWorker(scope, jobs, data, { name, pool, ...options }));
}

/** Starts a job in a scope that the test can cancel. */
export function start(name: string, data: unknown, options: WorkerOptions = {}) {
  const entered = deferred<CancelScope>();
  const end = deferred<{ value: unknown } | { error: unknown }>();
  void runScope(async (scope) => {
    entered.resolve(scope);
    try {
      end.resolve({ value: await runInWorker(scope, jobs, data, { name, pool, ...options }) });
    } catch (error) {
      end.resolve({ error });
    }
  });
  return {
    end: end.promise,
    /** Cancels it; resolves when it has ended with the reason. */
    async cancel(): Promise<void> {
      const scope = await entered.promise;
      scope.cancel('test');
      const { error } = (await end.promise) as { error: unknown };
      expect(error).toBe(scope.signal.reason);
      expect(error).toBeInstanceOf(CancelledError);
    },
    async requestCancel(): Promise<void> {
      (await entered.promise).cancel('test');
    },
  };
}

export async function expectPoolWorks(): Promise<void> {
  expect(await withTimeout(run('double', 21), patience, 'the next job')).toBe(42);
  expect(pool.threads).toHaveLength(1);
}
