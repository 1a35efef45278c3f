import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';
import { CancelledError, type CancelScope, runScope, TaskContext } from 'nestjs-streaming';
import { runInWorker, type WorkerOptions } from 'nestjs-streaming/worker';
import { Piscina } from 'piscina';
import { Mortals } from '../cancellation/gc.js';
import { startTask } from '../support/app.js';
import { InstalledPackage } from '../support/programs/installed.js';
import { deferred, eventually, patience, withTimeout } from '../support/wait.js';

const jobs = new URL('../fixtures/workers/jobs.mjs', import.meta.url);
const answer = new URL('../fixtures/workers/answer.cjs', import.meta.url);

const diskFull = new Error('the disk is full');

/** A counter that a worker and the test both see. */
class Counter {
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

const hour = 3_600_000;

describe('runInWorker', () => {
  let pool: Piscina;
  beforeAll(() => {
    pool = new Piscina({ minThreads: 1, maxThreads: 1 });
  });
  afterAll(() => pool.destroy());

  /** Runs a job outside of any task. */
  function run(name: string, data: unknown, options: WorkerOptions = {}): Promise<unknown> {
    return runScope((scope) => runInWorker(scope, jobs, data, { name, pool, ...options }));
  }

  /** Starts a job in a scope that the test can cancel. */
  function start(name: string, data: unknown, options: WorkerOptions = {}) {
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

  async function expectPoolWorks(): Promise<void> {
    expect(await withTimeout(run('double', 21), patience, 'the next job')).toBe(42);
    expect(pool.threads).toHaveLength(1);
  }

  it('gives what the function returns', async () => {
    expect(await run('double', 4)).toBe(8);
  });

  it('calls the default export, of a path, an URL and its text', async () => {
    await runScope(async (scope) => {
      for (const file of [answer, answer.href, fileURLToPath(answer)]) {
        expect(await runInWorker<number>(scope, file, undefined, { pool })).toBe(42);
      }
    });
  });

  it('calls the exports of what was compiled to CommonJS', async () => {
    const compiled = new URL('../fixtures/workers/compiled.cjs', import.meta.url);
    const call = (name?: string): Promise<unknown> =>
      runScope((scope) => runInWorker(scope, compiled, 1, { pool, ...(name !== undefined && { name }) }));
    expect(await call()).toBe('default 1');
    expect(await call('named')).toBe('named 1');
  });

  it('moves what is to be moved', async () => {
    const bytes = new Uint8Array(1_000);
    expect(await run('length', bytes, { transferList: [bytes.buffer] })).toBe(1_000);
    expect(bytes).toHaveLength(0);
  });

  it('hands over messages in order, all of them before the result', async () => {
    const messages: unknown[] = [];
    expect(await run('reports', 100, { onMessage: (message) => messages.push(message) })).toBe('done');
    expect(messages).toEqual(Array.from({ length: 100 }, (_, index) => ({ percent: index + 1 })));
  });

  it('hands messages over within the task', async () => {
    const { handle, events } = await startTask((task) =>
      runInWorker<string>(task, jobs, 2, {
        name: 'reports',
        pool,
        onMessage: (message) => void TaskContext.current()?.progress(message as { percent: number }),
      }),
    );
    expect(await handle.result).toBe('done');
    const progress = (await events.done).filter(({ type }) => type === 'progress').map(({ data }) => data);
    expect(progress).toEqual([{ percent: 50 }, { percent: 100 }]);
  });

  it('calls the listener in the async context of the call', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const report = (name: string): Promise<unknown> =>
      tenant.run(name, () => run('reports', 2, { onMessage: () => seen.push([name, tenant.getStore()]) }));
    await Promise.all(['a', 'b', 'c'].map(report));
    expect(seen).toHaveLength(6);
    for (const [name, store] of seen as [string, string][]) expect(store).toBe(name);
  });

  it('does not keep the async context of the call that started a thread', async () => {
    const storage = new AsyncLocalStorage<object>();
    const own = new Piscina({ minThreads: 0, maxThreads: 1, idleTimeout: 60_000 });
    try {
      const held = new Mortals();
      await (() => {
        const store = { tenant: 'a' };
        held.add(store);
        return storage.run(store, () => run('double', 1, { pool: own }));
      })();
      expect(own.threads).toHaveLength(1);
      expect(await held.left()).toBe(0);
    } finally {
      await own.destroy();
    }
  });

  it.each([
    [
      'throws',
      () => () => {
        throw diskFull;
      },
    ],
    [
      'rejects',
      () => async () => {
        await Promise.resolve();
        throw diskFull;
      },
    ],
  ])('ends the job when the listener %s', async (_how, listener) => {
    await expect(run('waits', undefined, { onMessage: listener() })).rejects.toBe(diskFull);
    // This job has ended before its listener fails.
    await expect(run('reports', 1, { onMessage: listener() })).rejects.toBe(diskFull);
    await expectPoolWorks();
  });

  it('waits for what the listener does, and after a cancel no longer than killDelay', async () => {
    const { promise, resolve } = deferred();
    let done = false;
    const ended = run('reports', 1, {
      onMessage: async () => {
        await promise;
        done = true;
      },
    });
    setImmediate(resolve);
    await ended;
    expect(done).toBe(true);

    const called = deferred();
    const job = start('reports', 1, {
      killDelay: 20,
      onMessage: () => {
        called.resolve();
        return new Promise(() => {});
      },
    });
    await called.promise;
    await withTimeout(job.cancel(), patience, 'the end of the job');
    await expectPoolWorks();
  });

  it('fails as the function does', async () => {
    await expect(run('fails', 'no')).rejects.toMatchObject({ name: 'RangeError', message: 'no' });
    await expect(run('exits', 3)).rejects.toThrow('worker exited with code: 3');
    await expect(run('missing', 0)).rejects.toThrow('exports no function "missing"');
    await expect(run('double', () => {})).rejects.toMatchObject({ name: 'DataCloneError' });
    const gone = runScope((scope) => runInWorker(scope, new URL('gone.mjs', jobs), 0, { pool }));
    await expect(gone).rejects.toThrow('gone.mjs');
    await expectPoolWorks();
  });

  it('refuses a file that is relative to nothing, and wrong options', async () => {
    const relative = runScope((scope) => runInWorker(scope, './primes.js', 0, { pool }));
    await expect(relative).rejects.toThrow(`use new URL('./primes.js', import.meta.url)`);
    await expect(run('double', 1, { kilDelay: 1 } as WorkerOptions)).rejects.toThrow(
      'did you mean "killDelay"?',
    );
    await expect(run('double', 1, { pool: {} as Piscina })).rejects.toThrow('Wrong option "pool"');
    await expect(run('double', 1, { killDelay: NaN })).rejects.toThrow('Wrong option "killDelay"');
  });

  describe('when it is cancelled', () => {
    it('stops an endless loop with its thread, and the pool goes on', async () => {
      const counter = new Counter();
      const job = start('endless', counter.buffer, { killDelay: 100 });
      await counter.running();
      const [thread] = pool.threads;
      const began = performance.now();
      await withTimeout(job.cancel(), patience, 'the end of the job');
      expect(performance.now() - began).toBeGreaterThanOrEqual(95);
      // When it rejects, it has ended: no thread counts any more.
      const turns = counter.value;
      expect(thread!.threadId).toBe(-1);
      await expectPoolWorks();
      expect(counter.value).toBe(turns);
    });

    it('lets a function end that looks, in its thread, with its cleanup', async () => {
      const before = await run('whichThread', undefined);
      const counter = new Counter();
      const messages: unknown[] = [];
      const job = start('cooperative', counter.buffer, {
        killDelay: hour,
        onMessage: (message) => messages.push(message),
      });
      await counter.running();
      await job.cancel();
      expect(messages).toEqual([{ cleaned: true, aborted: true }]);
      expect(await run('whichThread', undefined)).toBe(before);
    });

    it('throws away what a function returns that was told to end', async () => {
      const counter = new Counter();
      const job = start('stopsWithoutThrowing', counter.buffer);
      await counter.running();
      await job.cancel();
      await expectPoolWorks();
    });

    it('aborts the signal of a function that waits', async () => {
      const waiting = deferred();
      const job = start('waits', undefined, { killDelay: hour, onMessage: () => waiting.resolve() });
      await waiting.promise;
      await job.cancel();
    });

    it('fails when the cleanup does', async () => {
      const waiting = deferred();
      const job = start('failsInCleanup', undefined, {
        killDelay: hour,
        onMessage: () => waiting.resolve(),
      });
      await waiting.promise;
      await job.requestCancel();
      expect(await job.end).toMatchObject({ error: { name: 'RangeError', message: 'cleanup failed' } });
    });

    it('never begins a job that waits for a thread', async () => {
      const [first, second] = [new Counter(), new Counter()];
      const running = start('endless', first.buffer, { killDelay: 0 });
      await first.running();
      const waiting = start('endless', second.buffer, { killDelay: 60_000 });
      await waiting.cancel();
      await running.cancel();
      await expectPoolWorks();
      expect(second.value).toBe(0);
    });

    // The suite fails on an unhandled rejection, see test/support/setup.ts.
    it('is no unhandled rejection when nothing awaits it', async () => {
      const counter = new Counter();
      await runScope(async (scope) => {
        void runInWorker(scope, jobs, counter.buffer, { name: 'endless', pool, killDelay: 0 });
        await counter.running();
        scope.cancel();
        void runInWorker(scope, jobs, counter.buffer, { name: 'endless', pool });
      });
      await expectPoolWorks();
    });

    it('does not begin when it was cancelled before', async () => {
      const counter = new Counter();
      await runScope(async (scope) => {
        scope.cancel();
        const ended = runInWorker(scope, jobs, counter.buffer, { name: 'endless', pool });
        await expect(ended).rejects.toBe(scope.signal.reason);
      });
      await expectPoolWorks();
      expect(counter.value).toBe(0);
    });
  });

  describe('when threads are lost', () => {
    let own: Piscina;
    beforeEach(() => {
      own = new Piscina({ minThreads: 0, maxThreads: 2 });
    });
    afterEach(() => own.destroy());

    const double = (n: number): Promise<unknown> => run('double', n, { pool: own });

    it('runs the jobs that wait when all threads were terminated by cancellations', async () => {
      const counters = [new Counter(), new Counter()];
      const busy = counters.map(({ buffer }) => start('endless', buffer, { pool: own, killDelay: 0 }));
      await Promise.all(counters.map((counter) => counter.running()));
      const waiting = Promise.all([1, 2, 3].map(double));
      await Promise.all(busy.map((job) => job.cancel()));
      expect(await withTimeout(waiting, patience, 'the jobs that waited')).toEqual([2, 4, 6]);
      expect(own.threads.length).toBeLessThanOrEqual(2);
    });

    it('runs jobs of others in the same pool', async () => {
      const counters = [new Counter(), new Counter()];
      const busy = counters.map(({ buffer }) => start('endless', buffer, { pool: own, killDelay: 0 }));
      await Promise.all(counters.map((counter) => counter.running()));
      const other = own.run(undefined, { filename: fileURLToPath(answer) }) as Promise<unknown>;
      await Promise.all(busy.map((job) => job.cancel()));
      expect(await withTimeout(other, patience, 'the other job')).toBe(42);
    });

    it('runs the jobs that wait when the jobs before them ended their threads', async () => {
      const lost = [1, 2].map((code) => run('exits', code, { pool: own }));
      const waiting = Promise.all([1, 2, 3].map(double));
      await Promise.allSettled(lost);
      expect(await withTimeout(waiting, patience, 'the jobs that waited')).toEqual([2, 4, 6]);
    });

    it('starts no thread when no job waits', async () => {
      const counter = new Counter();
      const job = start('endless', counter.buffer, { pool: own, killDelay: 0 });
      await counter.running();
      await job.cancel();
      expect(own.threads).toHaveLength(0);
    });
  });

  it('never begins a job that the pool has refused', async () => {
    const own = new Piscina({ minThreads: 0, maxThreads: 1, maxQueue: 0 });
    try {
      const [first, refused] = [new Counter(), new Counter()];
      const busy = start('endless', first.buffer, { pool: own, killDelay: 0 });
      await first.running();
      await expect(run('endless', refused.buffer, { pool: own })).rejects.toThrow('No task queue');
      await busy.cancel();
      expect(await run('double', 2, { pool: own })).toBe(4);
      expect(refused.value).toBe(0);
    } finally {
      await own.destroy();
    }
  });

  it('leaves nothing on the signal and no port open', async () => {
    await runScope(async (scope) => {
      const ports = (): number =>
        process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
      await runInWorker(scope, jobs, 1, { name: 'double', pool });
      const before = ports();
      for (let n = 0; n < 20; n++) await runInWorker(scope, jobs, n, { name: 'double', pool });
      await eventually(() => expect(ports()).toBeLessThanOrEqual(before));
    });
  });

  describe('without a pool of its own', () => {
    let installed: InstalledPackage;
    beforeAll(() => {
      installed = new InstalledPackage(['cancellation', 'task', 'worker'], ['leven', 'piscina']);
    });
    afterAll(() => installed[Symbol.dispose]());

    it('shares one, which does not keep the process from ending, and needs no Nest', async () => {
      const { code, stdout, stderr } = await installed.run(`
        import { availableParallelism } from 'node:os';
        import { runScope } from 'nestjs-streaming/cancellation';
        import { runInWorker } from 'nestjs-streaming/worker';
        const file = new URL(${JSON.stringify(jobs.href)});
        await runScope(async (scope) => {
          const first = await runInWorker(scope, file, undefined, { name: 'whichThread' });
          const second = await runInWorker(scope, file, undefined, { name: 'whichThread' });
          console.log(first === second);
        });
        await runScope(async (scope) => {
          setTimeout(() => scope.cancel(), 100);
          await runInWorker(scope, file, new SharedArrayBuffer(4), { name: 'endless' });
        });
        // More endless jobs than threads, then others, which still run when the threads were terminated.
        await runScope(async (scope) => {
          const jobs = Array.from({ length: availableParallelism() * 2 }, () => new SharedArrayBuffer(4));
          const busy = jobs.map((job) => runInWorker(scope, file, job, { name: 'endless', killDelay: 0 }));
          const ended = Promise.allSettled(busy);
          const waiting = runScope((other) => runInWorker(other, file, 21, { name: 'double' }));
          while (!jobs.some((job) => new Int32Array(job)[0] > 0)) await scope.sleep(5);
          scope.cancel();
          await ended;
          console.log(await waiting);
        });
        console.log(Date.now());
      `);
      expect(stderr).toBe('');
      expect(stdout).toMatch(/^true\n42\n\d+\n$/);
      expect(code).toBe(0);
      // Its threads are kept for 5 s.
      expect(Date.now() - Number(stdout.split('\n')[2])).toBeLessThan(4_000);
    });
  });
});
