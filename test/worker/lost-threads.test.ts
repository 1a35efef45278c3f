import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { patience, withTimeout } from '../support/wait.js';
import { answer, Counter, run, start } from './support.js';

describe('runInWorker when threads are lost', () => {
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
