import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Buffer } from 'node:buffer';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as realPause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CoordinatorService, StreamTask, type TaskContext } from 'nestjs-streaming';
import { HarnessHangError, taskHarness } from 'nestjs-streaming/testing';
import { closeBound, withTimeout } from '../support/wait.js';

const hour = 3_600_000;

interface Script {
  readonly steps: readonly (
    'sleep' | 'file' | 'program' | 'pause' | 'signal' | 'never' | 'fail' | 'endless'
  )[];
}

/** Does what a test tells it, one step after the other, and sends an event after each. */
@StreamTask({ grace: hour })
class ScriptTask {
  async process(task: TaskContext<Script>): Promise<string> {
    for (const step of task.input.steps) {
      await task.timeout(hour, (scope) => this.#take(step, task, scope));
      await task.sendEvent(step);
    }
    return 'done';
  }

  async #take(step: string, task: TaskContext, scope: Pick<TaskContext, 'sleep'>): Promise<void> {
    if (step === 'sleep') await scope.sleep(hour / 2);
    if (step === 'file') {
      const folder = await mkdtemp(join(tmpdir(), 'harness-'));
      await writeFile(join(folder, 'file'), Buffer.alloc(1_000_000));
      await readFile(join(folder, 'file'));
      await rm(folder, { recursive: true });
    }
    if (step === 'program') await promisify(execFile)('sleep', ['0.05']);
    if (step === 'pause') await realPause(50);
    if (step === 'signal') await task.waitForSignal('go');
    if (step === 'never') await new Promise(() => {});
    if (step === 'fail') throw new Error('no');
    if (step === 'endless') for (;;) await task.sleep(1);
  }
}

@StreamTask()
class WaitingTask {
  async process(task: TaskContext<{ for: 'signal' | 'time' | 'nothing' }>): Promise<void> {
    if (task.input.for === 'signal') await task.waitForSignal('go');
    if (task.input.for === 'time') await task.sleep(hour);
    await new Promise(() => {});
  }
}

describe('a run in a test', () => {
  const harness = taskHarness(ScriptTask, { hangTimeout: 300 });
  const waiting = taskHarness(WaitingTask, { hangTimeout: 100 });
  afterEach(async () => {
    await harness.close();
    await waiting.close();
  });

  it('settle() lets real work come first, and time stands still', async () => {
    const run = await harness.start({ steps: ['file', 'program', 'sleep', 'file', 'sleep'] });
    await run.settle();
    expect(run.eventTypes.slice(1)).toEqual(['file', 'program']);
    await run.advance(hour / 2);
    await run.settle();
    expect(run.eventTypes.slice(1)).toEqual(['file', 'program', 'sleep', 'file']);
    await run.advance(hour / 2);
    expect(await run.result).toBe('done');
    // There is nothing left to wait for.
    await run.settle();
  });

  it('a test that would hang is told so where nothing else keeps the process alive', async () => {
    const program = `
      const { StreamTask } = await import('nestjs-streaming');
      const { taskHarness } = await import('nestjs-streaming/testing');
      class Task { async process(task) { await task.sleep(300); } }
      StreamTask()(Task);
      Error.stackTraceLimit = 10;
      const run = await taskHarness(Task, { hangTimeout: 50 }).start({});
      await run.result.catch(({ name, message }) => console.log(name, message));
      process.exit();`;
    const file = join(await mkdtemp(join(tmpdir(), 'harness-')), 'program.mjs');
    await writeFile(file, program);
    const linked = join(dirname(file), 'node_modules');
    await mkdir(linked);
    await symlink(process.cwd(), join(linked, 'nestjs-streaming'), 'dir');
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    await rm(dirname(file), { recursive: true });
    expect(stdout).toMatch(/^HarnessHangError run\.result would hang/);
    expect(stdout).toMatch(/A timer is due in 300 ms, set at Task\.process \(.*program\.mjs/);
  });

  describe('finish()', () => {
    it('lets real work come first, and then time pass, to the end', async () => {
      const run = await harness.start({ steps: ['sleep', 'file', 'sleep', 'program', 'pause', 'sleep'] });
      expect(await run.finish()).toMatchObject({
        status: 'completed',
        value: 'done',
        durationMs: 1.5 * hour,
      });
      expect(run.eventTypes.slice(1, -1)).toEqual(['sleep', 'file', 'sleep', 'program', 'pause', 'sleep']);
      expect(await run.result).toBe('done');
    });

    it('waits for work that began when older work had ended', async () => {
      const older = setTimeout(() => {}, 60_000);
      const run = await harness.start({ steps: ['sleep', 'pause'] });
      clearTimeout(older);
      expect(await run.finish()).toMatchObject({ status: 'completed', durationMs: hour / 2 });
    });

    it('gives the outcome of a task that fails, is cancelled or is over already', async () => {
      const failing = await harness.start({ steps: ['sleep', 'fail'] });
      expect(await failing.finish()).toMatchObject({ status: 'failed', error: { message: 'no' } });
      expect(await failing.finish()).toMatchObject({ status: 'failed' });
      const stubborn = await harness.start({ steps: ['never'] });
      await stubborn.cancel();
      expect(await stubborn.finish()).toMatchObject({ status: 'cancelled', abandoned: true });
    });

    it('says which signal the task waits for', async () => {
      const run = await waiting.start({ for: 'signal' });
      const error = await run.finish().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(HarnessHangError);
      expect((error as Error).message).toMatch(
        /^run\.finish\(\) would hang: .*\nTask harness:WaitingTask:\S+ is running\. Events so far: started\.\nIt waits in waitForSignal\("go"\): call run\.signal\("go", data\)\.$/,
      );
      await run.signal('go');
      await expect(run.finish()).rejects.toThrow('waits for something of its own that never comes');
    });

    it('gives up on a task that sets timers without an end', async () => {
      const run = await harness.start({ steps: ['endless'] });
      await expect(run.finish()).rejects.toThrow('timers are set without an end');
    });
  });

  describe('nextEvent()', () => {
    it('gives each event once, from the first on', async () => {
      const run = await harness.start({ steps: ['file', 'pause', 'program'] });
      const types = [await run.nextEvent(), await run.nextEvent(), await run.nextEvent('program')];
      expect(types.map(({ type }) => type)).toEqual(['started', 'file', 'program']);
      expect(await run.nextEvent()).toMatchObject({ type: 'completed' });
      await expect(run.nextEvent()).rejects.toThrow(
        'The task ended without another event; it sent started, file, pause, program, completed',
      );
    });

    it('gives different events to calls at the same time, and waits while the test lets time pass', async () => {
      const run = await harness.start({ steps: ['sleep', 'sleep'] });
      const both = Promise.all([run.nextEvent('sleep'), run.nextEvent('sleep')]);
      await run.advance(hour);
      const [first, second] = await both;
      expect(first.id).not.toBe(second.id);
      await expect(run.nextEvent('sleep')).rejects.toThrow('without another event "sleep"');
    });

    it('says which timer the task waits for', async () => {
      const run = await waiting.start({ for: 'time' });
      await run.nextEvent('started');
      await expect(run.nextEvent('mailed')).rejects.toThrow(
        /run\.nextEvent\("mailed"\) would hang[^]*A timer is due in 3600000 ms, set at WaitingTask.*run-to-end\.test\.ts[^]*call run\.advance\(3600000\) or run\.finish\(\)/,
      );
    });
  });

  it.each(['result', 'outcome'] as const)(
    '%s rejects when the test forgets to let time pass',
    async (promise) => {
      const run = await waiting.start({ for: 'time' });
      await expect(run[promise]).rejects.toThrow(`run.${promise} would hang`);
      await expect(run.waitForEvent('mailed')).rejects.toThrow('run.waitForEvent("mailed") would hang');
    },
  );

  it('does not reject a result while the task does something for real, or time passes', async () => {
    const run = await waiting.start({ for: 'signal' });
    const busy = await harness.start({
      steps: ['pause', 'pause', 'pause', 'pause', 'pause', 'pause', 'pause'],
    });
    await expect(busy.result).resolves.toBe('done');
    void run.result;
    await run.cancel();
  });

  describe('two harnesses', () => {
    it('have a clock each', async () => {
      const [one, two] = [await harness.start({ steps: ['sleep'] }), await waiting.start({ for: 'time' })];
      const other = await harness.start({ steps: ['sleep'] });
      await two.advance(10 * hour);
      expect([one.status, other.status]).toEqual(['running', 'running']);
      // Cancelled by calls of the test: the grace is on the clock of its harness.
      const stubborn = await harness.start({ steps: ['never'] });
      const { app, name, id } = stubborn.handle.ref;
      expect(await (await harness.get(CoordinatorService)).cancelTask(app, name, id)).toBe(true);
      await two.advance(2 * hour);
      expect(stubborn.status).toBe('cancelling');
      await stubborn.advance(hour);
      expect([one.status, other.status, stubborn.status]).toEqual(['completed', 'completed', 'cancelled']);
    });

    it('keep their clocks when one is closed, and closed twice', async () => {
      await harness.start({ steps: ['sleep'] });
      const before = await waiting.start({ for: 'time' });
      await Promise.all([harness.close(), harness.close()]);
      expect(before.status).toBe('running');
      const after = await waiting.start({ for: 'time' });
      await after.advance(hour);
      expect(after.eventTypes).toEqual(['started']);
      await waiting.close();
      // The real clock is back.
      await using again = taskHarness(ScriptTask);
      expect(await (await again.start({ steps: ['sleep'] })).finish()).toMatchObject({ status: 'completed' });
    });
  });

  describe('with the fake timers of the test runner', () => {
    beforeEach(() => {
      jest.useFakeTimers();
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    it('runs to its end: it keeps the real ones', async () => {
      const run = await harness.start({ steps: ['sleep', 'file', 'sleep'] });
      expect(await run.finish()).toMatchObject({ status: 'completed', durationMs: hour });
    });

    it('still says what a test waits for', async () => {
      const run = await waiting.start({ for: 'signal' });
      await expect(run.result).rejects.toThrow('run.result would hang');
    });
  });

  it('fires a timer in the async context that has set it', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    @StreamTask()
    class TenantTask {
      async process(task: TaskContext): Promise<void> {
        await task
          .timeout(hour, async (scope) => {
            scope.signal.addEventListener('abort', () => seen.push(tenant.getStore()));
            await scope.sleep(2 * hour);
          })
          .catch(() => {});
      }
    }
    await using own = taskHarness(TenantTask);
    const run = await tenant.run('a', () => own.start({}));
    await tenant.run('b', () => run.advance(hour));
    expect(seen).toEqual(['a']);
  });

  it('closes while a handler does something for real', async () => {
    const run = await harness.start({ steps: ['pause', 'program'] });
    await withTimeout(harness.close(), closeBound, 'the end');
    expect(run.status).toBe('cancelled');
  });

  it('refuses a wrong hangTimeout', () => {
    expect(() => taskHarness(ScriptTask, { hangTimeout: -1 })).toThrow('Wrong option "hangTimeout"');
  });
});
