import { describe, expect, it } from '@jest/globals';
import { runScope } from 'nestjs-streaming';
import { runInWorker } from 'nestjs-streaming/worker';
import { deferred, patience, withTimeout } from '../support/wait.js';
import { Counter, expectPoolWorks, jobs, pool, run, start } from './support.js';

const hour = 3_600_000;

describe('runInWorker when it is cancelled', () => {
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

  it('knows the abort errors of other libraries by what only the thread sees', async () => {
    const waiting = deferred();
    const job = start('failsAsAnSdk', undefined, { killDelay: hour, onMessage: () => waiting.resolve() });
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
