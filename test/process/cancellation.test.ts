import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { runScope, type TaskContext } from 'nestjs-streaming';
import { runProcess } from 'nestjs-streaming/process';
import { startTask } from '../support/app.js';
import { InstalledPackage } from '../support/programs/installed.js';
import { isRunning } from '../support/programs/processes.js';
import { deferred, eventually, patience, withTimeout } from '../support/wait.js';
import { endless, startShell, temporaryFolder } from './support.js';

describe('runProcess when it is cancelled', () => {
  const folder = temporaryFolder();

  it('ends the whole group with SIGTERM, and rejects with the reason when all of it is gone', async () => {
    const run = startShell(`sh -c 'echo grandchild $$; ${endless}' & echo child $$; wait`);
    const pids = [await run.line(/^child/), await run.line(/^grandchild/)].map((line) =>
      Number(line.split(' ')[1]),
    );
    expect(pids.map(isRunning)).toEqual([true, true]);
    await run.cancel();
    expect(pids.map(isRunning)).toEqual([false, false]);
  });

  it('lets it clean up, and delivers what it says then', async () => {
    const run = startShell(`trap 'sleep 0.1; echo cleaned; exit 0' TERM; echo ready; ${endless}`);
    await run.line(/ready/);
    await run.cancel();
    // The shell itself may remark on the end of its sleep.
    expect(run.lines).toEqual(expect.arrayContaining(['ready', 'cleaned']));
  });

  it('kills what ignores SIGTERM, after the delay', async () => {
    const run = startShell(`trap '' TERM; sh -c 'echo deaf $$; ${endless}' & echo ready; ${endless}`, {
      killDelay: 150,
    });
    const pid = Number((await run.line(/deaf/)).split(' ')[1]);
    await run.line(/ready/);
    const began = performance.now();
    await run.cancel();
    expect(performance.now() - began).toBeGreaterThanOrEqual(145);
    // By default it is 5 s.
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(isRunning(pid)).toBe(false);
  });

  it('does not even start when it was cancelled before', async () => {
    const mark = join(folder, 'never');
    const ended = runScope(async (scope) => {
      scope.cancel();
      await runProcess(scope, 'touch', [mark]).catch((error: unknown) => {
        expect(error).toBe(scope.signal.reason);
      });
    });
    await ended;
    expect(() => realpathSync(mark)).toThrow('ENOENT');
  });

  // The suite fails on an unhandled rejection, see test/support/setup.ts.
  it('is no unhandled rejection when nothing awaits it', async () => {
    const pid = deferred<number>();
    await runScope(async (scope) => {
      void runProcess(scope, 'sh', ['-c', `echo $$; ${endless}`], {
        output: (line) => pid.resolve(Number(line)),
      });
      const running = await pid.promise;
      scope.cancel();
      void runProcess(scope, 'true');
      await eventually(() => !isRunning(running));
    });
  });

  it('goes on when another callback has withdrawn the cancellation, and ends with the next', async () => {
    const ready = deferred();
    const first = deferred<number | null>();
    const input = new PassThrough();
    const { handle } = await startTask(async (task) => {
      task.onCancel(() => task.uncancel());
      const options = { input, output: () => ready.resolve() };
      const { exitCode } = await runProcess(task, 'sh', ['-c', 'echo ready; read word'], options);
      first.resolve(exitCode);
      await runProcess(task, 'sleep', ['600']);
    });
    await ready.promise;
    expect(await handle.cancel()).toBe(true);
    expect(handle.status).toBe('running');
    input.end('on\n');
    expect(await first.promise).toBe(0);
    await handle.cancel({ wait: 'settled' });
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
  });

  it('does not wait for a listener that never comes back, nor for a daemon that left the group', async () => {
    const stuck = startShell(`echo ready; ${endless}`, { output: () => new Promise(() => {}) });
    await stuck.scope;
    const daemon = startShell(`setsid sh -c 'echo daemon $$; ${endless}' & echo ready; wait`);
    const pid = Number((await daemon.line(/daemon/)).split(' ')[1]);
    try {
      await withTimeout(Promise.all([stuck.cancel(), daemon.cancel()]), patience, 'the end of both');
      expect(isRunning(pid)).toBe(true);
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  it('makes a time limit one of its scope', async () => {
    const { handle } = await startTask(async (task: TaskContext) => {
      await task
        .timeout(50, (scope) => runProcess(scope, 'sleep', ['60']))
        .catch((error: unknown) => {
          expect(error).toMatchObject({ name: 'ScopeTimeoutError', timeout: 50 });
        });
      return (await runProcess(task, 'true')).exitCode;
    });
    await expect(handle.result).resolves.toBe(0);
  });

  it('gives up its input', async () => {
    const input = new PassThrough();
    const run = startShell(`cat; ${endless}`, { input });
    input.write('ready\n');
    await run.line(/ready/);
    await run.cancel();
    // With an error or without: whether the program or its input goes first is chance.
    await eventually(() => input.destroyed);
  });
});

describe('runProcess in a process of its own', () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = new InstalledPackage(['cancellation', 'task', 'process'], ['leven']);
  });
  afterAll(() => installed[Symbol.dispose]());

  it('kills the group when that process exits, and needs no Nest', async () => {
    const { code, stdout, stderr } = await installed.run(`
        import { runScope } from 'nestjs-streaming/cancellation';
        import { runProcess } from 'nestjs-streaming/process';
        await runScope((scope) => runProcess(scope, 'sh', ['-c', \`
          trap '' TERM
          sh -c 'echo grandchild $$; ${endless}' & echo child $$; wait
        \`], {
          output: (line) => {
            console.log(line);
            if (line.startsWith('grandchild')) process.exit(7);
          },
        }));
      `);
    expect(stderr).toBe('');
    expect(code).toBe(7);
    const pids = [...stdout.matchAll(/child (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids.length).toBeGreaterThan(0);
    // A signal is not awaited by whoever sends it.
    await eventually(() => pids.every((pid) => !isRunning(pid)));
  });
});
