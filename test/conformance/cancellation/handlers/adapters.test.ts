import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runProcess } from 'nestjs-streaming/process';
import { runInWorker } from 'nestjs-streaming/worker';
import { Piscina } from 'piscina';
import { startTask } from '../../../support/app.js';
import { isRunning } from '../../../support/programs/processes.js';
import { eventually } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';
import { stopwatch } from '../timing.js';

const hour = 3_600_000;

describe('AD. Child processes and workers', () => {
  const endless = 'while :; do sleep 0.05; done';

  /** A task around a shell's script, which prints the process ids that are to be looked at. */
  async function startScript(script: string, count: number, killDelay?: number) {
    // A busy machine may take a second to end processes.
    const started = await startTask(
      (task) => runProcess(task, 'sh', ['-c', script], killDelay === undefined ? {} : { killDelay }),
      { task: { grace: hour } },
    );
    const pidsOf = (): number[] =>
      started.events.events.filter(({ type }) => type === 'stdout').map(({ data }) => Number(data));
    await started.events.until(() => pidsOf().length === count);
    return { started, pids: pidsOf() };
  }

  it('AD.228 on cancel the whole process group gets SIGTERM, a grandchild is gone too', async () => {
    const { started, pids } = await startScript(`sh -c 'echo $$; ${endless}' & echo $$; wait`, 2, hour);
    expect(pids.map(isRunning)).toEqual([true, true]);
    expect(await started.handle.cancel()).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome).toMatchObject({ abandoned: false, swallowed: false });
    expect(pids.map(isRunning)).toEqual([false, false]);
  });

  it('AD.228 a child that ignores SIGTERM gets SIGKILL after the kill delay', async () => {
    const script = `trap '' TERM; sh -c 'echo $$; ${endless}' & echo $$; ${endless}`;
    const { started, pids } = await startScript(script, 2, 100);
    const watch = stopwatch();
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(watch.elapsed).toBeGreaterThanOrEqual(95);
    expect(pids.map(isRunning)).toEqual([false, false]);
  });

  describe('with one thread', () => {
    let pool: Piscina;
    beforeAll(() => {
      pool = new Piscina({ maxThreads: 1 });
    });
    afterAll(() => pool.destroy());

    it('AD.230 an endless loop is stopped by cancelTask, and a second job on the pool completes', async () => {
      const jobs = new URL('../../../fixtures/workers/jobs.mjs', import.meta.url);
      const counter = new Int32Array(new SharedArrayBuffer(4));
      const started = await startTask(
        (task) => runInWorker(task, jobs, counter.buffer, { name: 'endless', pool }),
        { task: { grace: hour } },
      );
      await eventually(() => Atomics.load(counter, 0) > 0);
      expect(await started.coordinator.cancelTask(started.handle.ref)).toBe(true);
      const outcome = await expectEnd(started, 'cancelled');
      expect(outcome).toMatchObject({ abandoned: false, swallowed: false });
      const turns = Atomics.load(counter, 0);

      const second = await startTask((task) => runInWorker(task, jobs, 21, { name: 'double', pool }));
      expect(await second.handle.result).toBe(42);
      expect(Atomics.load(counter, 0)).toBe(turns);
    });
  });
});
