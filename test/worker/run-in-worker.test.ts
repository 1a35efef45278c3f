import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';
import { runScope, TaskContext } from 'nestjs-streaming';
import { runInWorker, type WorkerOptions } from 'nestjs-streaming/worker';
import { Piscina } from 'piscina';
import { Mortals } from '../cancellation/gc.js';
import { startTask } from '../support/app.js';
import { InstalledPackage } from '../support/programs/installed.js';
import { deferred, eventually, patience, withTimeout } from '../support/wait.js';
import { answer, Counter, expectPoolWorks, jobs, pool, run, start } from './support.js';

const diskFull = new Error('the disk is full');

describe('runInWorker', () => {
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
