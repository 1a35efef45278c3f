import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { CancelledError, type CancelScope, runScope, type TaskContext } from 'nestjs-streaming';
import {
  ProcessFailedError,
  ProcessNotStartedError,
  type ProcessOptions,
  type ProcessResult,
  runProcess,
} from 'nestjs-streaming/process';
import { startTask } from '../support/app.js';
import { InstalledPackage } from '../support/programs/installed.js';
import { isRunning } from '../support/programs/processes.js';
import { deferred, eventually, patience, withTimeout } from '../support/wait.js';

/** Runs a shell's script outside of any task. */
async function shell(script: string, options: ProcessOptions = {}): Promise<ProcessResult> {
  const result = await runScope((scope) => runProcess(scope, 'sh', ['-c', script], options));
  return result!;
}

/** A script's process, and a scope around it that the test can cancel. */
function startShell(script: string, options: ProcessOptions = {}) {
  const scope = deferred<CancelScope>();
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const output: ProcessOptions['output'] = (line) => {
    lines.push(line);
    for (const look of waiting) look();
  };
  const failure = deferred<unknown>();
  void runScope(async (inner) => {
    scope.resolve(inner);
    const ended = runProcess(inner, 'sh', ['-c', script], { output, ...options });
    await ended.catch(failure.resolve);
  });
  return {
    lines,
    scope: scope.promise,
    /** The first line that matches, when it has come. */
    line(pattern: RegExp): Promise<string> {
      const found = deferred<string>();
      const look = (): void => {
        const line = lines.find((candidate) => pattern.test(candidate));
        if (line !== undefined) found.resolve(line);
      };
      waiting.add(look);
      look();
      return withTimeout(
        found.promise,
        patience,
        () => `a line like ${String(pattern)}; so far: ${lines.join(' | ')}`,
      );
    },
    async cancel(): Promise<void> {
      const cancelled = await scope.promise;
      cancelled.cancel('test');
      const error = await failure.promise;
      expect(error).toBe(cancelled.signal.reason);
      expect(error).toBeInstanceOf(CancelledError);
    },
  };
}

const endless = 'while :; do sleep 0.05; done';

describe('runProcess', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'process-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe('what it runs', () => {
    it('gets its arguments as they are, and gives its exit code', async () => {
      const args = ['-e', 'console.log(JSON.stringify(process.argv.slice(1)))', 'a b', '$HOME', '"'];
      const result = await runScope((scope) =>
        runProcess(scope, process.execPath, args, { output: 'collect' }),
      );
      expect(result).toEqual({ exitCode: 0, stdout: '["a b","$HOME","\\""]\n', stderr: '' });
    });

    it('runs in the directory and the environment it is given', async () => {
      const env = { PATH: process.env['PATH'], COLOUR: 'blue' };
      const { stdout } = await shell('pwd; echo $COLOUR', { cwd: folder, env, output: 'collect' });
      expect(stdout).toBe(`${folder}\nblue\n`);
    });

    it('reads nothing, unless it is given something', async () => {
      expect((await shell('cat', { output: 'collect' })).stdout).toBe('');
      expect((await shell('cat', { input: 'héllo', output: 'collect' })).stdout).toBe('héllo');
      expect((await shell('cat', { input: Buffer.from('bytes'), output: 'collect' })).stdout).toBe('bytes');
      const input = Readable.from(['a', 'b', 'c']);
      expect((await shell('cat', { input, output: 'collect' })).stdout).toBe('abc');
    });

    it('need not read all there is', async () => {
      const input = new PassThrough();
      const endlessInput = Readable.from(
        (function* () {
          for (;;) yield 'x'.repeat(65_536);
        })(),
      );
      await shell('exec 0<&-; exit 0', { input: 'x'.repeat(1_000_000) });
      await shell('exit 0', { input });
      await shell('head -c 10 >/dev/null', { input: endlessInput });
      expect(input.destroyed).toBe(true);
      expect(endlessInput.destroyed).toBe(true);
    });

    it('reads the bytes of any view, and of a stream that gives them', async () => {
      const view = new DataView(new TextEncoder().encode('xabcx').buffer, 1, 3);
      const input = view as unknown as Uint8Array;
      expect((await shell('cat', { input, output: 'collect' })).stdout).toBe('abc');
      const stream = Readable.from([input, 'd']);
      expect((await shell('cat', { input: stream, output: 'collect' })).stdout).toBe('abcd');
    });

    it.each([
      ['numbers', [1, 2], 'number'],
      ['an object among texts', ['head', { b: 1 }, 'tail'], 'object'],
    ])('is ended when its input stream gives %s', async (_what, items, type) => {
      const input = Readable.from(items);
      const ended = shell(`cat; ${endless}`, { input });
      await expect(ended).rejects.toThrow(
        `the input stream gave a value of type ${type}; it must give strings or bytes`,
      );
      expect(input.destroyed).toBe(true);
    });

    it('reads nothing from a stream that has ended, and fails with one that was destroyed', async () => {
      const ended = new PassThrough();
      ended.resume().end('a');
      await once(ended, 'close');
      await expect(shell('cat', { input: ended, output: 'collect' })).resolves.toMatchObject({ stdout: '' });
      const destroyed = new PassThrough();
      const failure = new Error('gone before');
      destroyed.on('error', () => {}).destroy(failure);
      await expect(shell('cat', { input: destroyed })).rejects.toBe(failure);
    });

    it('is ended when what it reads fails', async () => {
      const input = new PassThrough();
      const failure = new Error('the upload broke off');
      const ended = shell('cat', { input });
      input.write('half');
      input.destroy(failure);
      await expect(ended).rejects.toBe(failure);
    });

    it('may have other exit codes than 0', async () => {
      const options: ProcessOptions = { exitCodes: [0, 1], output: 'collect' };
      expect(await shell('echo no match; exit 1', options)).toEqual({
        exitCode: 1,
        stdout: 'no match\n',
        stderr: '',
      });
      await expect(shell('exit 2', options)).rejects.toMatchObject({ exitCode: 2 });
    });
  });

  describe('its output', () => {
    it('becomes events of the task, in a scope inside it too', async () => {
      const { handle, events } = await startTask(async (task) => {
        await runProcess(task, 'sh', ['-c', 'echo one; echo two >&2']);
        await task.timeout(5_000, (scope) => runProcess(scope, 'printf', ['three\nfour']));
        await runProcess(task, 'echo', ['five'], { output: 'events' });
        await runProcess(task, 'echo', ['unseen'], { output: 'ignore' });
      });
      await handle.result;
      const all = (await events.done).map(({ type, data }) => [type, data]);
      expect(all.filter(([type]) => type === 'stdout')).toEqual(
        ['one', 'three', 'four', 'five'].map((line) => ['stdout', line]),
      );
      expect(all.filter(([type]) => type === 'stderr')).toEqual([['stderr', 'two']]);
    });

    it.each([
      ['long', 'x'.repeat(5_000)],
      ['long in UTF-8', 'é🙂'.repeat(1_000)],
      ['long in JSON', '"'.repeat(2_100) + '\u2028\u0001'.repeat(500)],
    ])('comes in several events when a line is too %s for one', async (_how, line) => {
      const maxEventBytes = 4_096;
      const { handle, events } = await startTask(
        (task) => runProcess(task, 'cat', [], { input: `before\n${line}\nafter` }),
        { task: { maxEventBytes } },
      );
      await handle.result;
      const lines = (await events.done)
        .filter(({ type }) => type === 'stdout')
        .map(({ data }) => data as string);
      expect(lines.length).toBeGreaterThan(3);
      expect([lines.at(0), lines.at(-1)]).toEqual(['before', 'after']);
      expect(lines.slice(1, -1).join('')).toBe(line);
      for (const piece of lines) {
        expect(Buffer.byteLength(JSON.stringify(piece))).toBeLessThanOrEqual(maxEventBytes);
        expect(Buffer.from(piece).toString()).toBe(piece);
      }
    });

    it('goes to a listener in the async context of the call', async () => {
      const tenant = new AsyncLocalStorage<string>();
      const seen: unknown[] = [];
      const run = (name: string): Promise<unknown> =>
        tenant.run(name, () =>
          shell(`echo ${name}; sleep 0.05; echo ${name}`, {
            output: (line) => seen.push([line, tenant.getStore()]),
          }),
        );
      await Promise.all([run('a'), run('b')]);
      expect(seen).toHaveLength(4);
      for (const [line, store] of seen as [string, string][]) expect(store).toBe(line);
    });

    it.each<[string, (failure: Error) => unknown]>([
      [
        'throws',
        (failure) => {
          throw failure;
        },
      ],
      ['rejects', (failure) => Promise.reject(failure)],
    ])('ends the process with the last line when the listener %s', async (_how, fail) => {
      const failure = new Error('the disk is full');
      await expect(shell('printf last', { output: () => fail(failure) })).rejects.toBe(failure);
    });

    it('goes nowhere outside of a task, where "events" is refused', async () => {
      expect(await shell('echo unseen')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
      await expect(shell('echo unseen', { output: 'events' })).rejects.toMatchObject({
        code: 'INVALID_OPTIONS',
      });
    });

    it('goes line by line to a listener, which is waited for', async () => {
      const got: unknown[] = [];
      let busy = 0;
      await shell('printf "a\\nb\\r\\nc\\rd"; printf "e\\n" >&2', {
        output: async (line, stream) => {
          expect(stream === 'stderr' || busy === 0).toBe(true);
          if (stream === 'stdout') busy++;
          await new Promise((resolve) => setImmediate(resolve));
          if (stream === 'stdout') busy--;
          got.push([stream, line]);
        },
      });
      expect(got.filter((entry) => (entry as string[])[0] === 'stdout')).toEqual(
        ['a', 'b', 'c', 'd'].map((line) => ['stdout', line]),
      );
      expect(got).toContainEqual(['stderr', 'e']);
    });

    it('is held back by a listener that is slow', async () => {
      const { promise, resolve } = deferred();
      const mark = join(folder, 'mark');
      const ended = shell(`head -c 3000000 /dev/zero; echo; echo written > ${mark}`, {
        output: (line) => (line.startsWith('\0') ? promise : undefined),
      });
      const written = eventually(() => realpathSync(mark), { timeout: 300 });
      await expect(written).rejects.toThrow('Not within');
      resolve();
      await ended;
      expect(realpathSync(mark)).toBe(mark);
    });

    it('ends the process when the listener fails', async () => {
      const failure = new Error('the disk is full');
      let pid = 0;
      const ended = shell(`echo $$; ${endless}`, {
        output: (line) => {
          pid = Number(line);
          throw failure;
        },
      });
      await expect(ended).rejects.toBe(failure);
      expect(pid).toBeGreaterThan(0);
      expect(isRunning(pid)).toBe(false);
    });

    it('ends the process when there is more than is to be kept', async () => {
      const ended = shell('echo warning >&2; yes', { output: 'collect', maxOutput: 1_000 });
      await expect(ended).rejects.toBeInstanceOf(ProcessFailedError);
      await expect(ended).rejects.toThrow('"sh" wrote more than 1000 bytes');
    });
  });

  describe('when it fails', () => {
    it('says how, and with the end of its standard error', async () => {
      const ended = shell(
        'head -c 100000 /dev/zero | tr "\\0" x >&2; echo >&2; echo "cannot open x" >&2; exit 3',
      );
      const error = await ended.catch((caught: unknown) => caught as ProcessFailedError);
      expect(error).toBeInstanceOf(ProcessFailedError);
      expect(error).toMatchObject({
        code: 'PROCESS_FAILED',
        command: 'sh',
        exitCode: 3,
        signal: null,
        expose: false,
      });
      const { message, stderr } = error as ProcessFailedError;
      expect(message).toBe('"sh" failed with exit code 3: cannot open x');
      expect(stderr).toHaveLength(4_096);
      expect(stderr).toMatch(/^x+\ncannot open x\n$/);
    });

    it('says by which signal', async () => {
      await expect(shell('kill -KILL $$')).rejects.toMatchObject({
        message: '"sh" was ended by SIGKILL',
        exitCode: null,
        signal: 'SIGKILL',
      });
    });

    it('makes the task failed, and tells the watchers nothing of it', async () => {
      const { handle, events } = await startTask((task) =>
        runProcess(task, 'sh', ['-c', 'exit 1'], { output: 'ignore' }),
      );
      expect(await handle.outcome).toMatchObject({ status: 'failed', error: { code: 'PROCESS_FAILED' } });
      expect((await events.done).at(-1)).toMatchObject({
        type: 'failed',
        data: { message: 'Internal error' },
      });
    });

    it.each([
      ['there is no such program', 'no-such-program', {}, 'there is no such program on the PATH'],
      ['there is no such file', './no-such-program', {}, 'there is no such program'],
      [
        'its directory is not there',
        'sh',
        { cwd: '/no/such/folder' },
        'its working directory "/no/such/folder"',
      ],
      ['it is no program', join(folder, 'text'), {}, 'it is no program that may be executed'],
    ])('says that %s', async (_what, command, options, message) => {
      writeFileSync(join(folder, 'text'), 'text');
      const ended = runScope((scope) => runProcess(scope, command, [], options));
      await expect(ended).rejects.toBeInstanceOf(ProcessNotStartedError);
      await expect(ended).rejects.toMatchObject({ code: 'PROCESS_NOT_STARTED', command });
      await expect(ended).rejects.toThrow(`Cannot start "${command}": ${message}`);
    });

    it('refuses options that are wrong', async () => {
      await expect(shell('exit', { killDelai: 5 } as ProcessOptions)).rejects.toThrow(
        'Unknown option "killDelai" in runProcess(); did you mean "killDelay"?',
      );
      await expect(shell('exit', { killDelay: -1 })).rejects.toThrow('Wrong option "killDelay"');
      await expect(shell('exit', { output: 'lines' as 'events' })).rejects.toThrow('Wrong option "output"');
      await expect(shell('exit', { input: 5 as unknown as string })).rejects.toThrow('Wrong option "input"');
      await expect(shell('exit', { exitCodes: [256] })).rejects.toThrow('Wrong option "exitCodes"');
    });
  });

  describe('when it is cancelled', () => {
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

  it('leaves nothing behind in its group when it ends by itself', async () => {
    const script = `sh -c '${endless}' >/dev/null 2>&1 & echo $!`;
    const { stdout } = await shell(script, { output: 'collect' });
    expect(isRunning(Number(stdout))).toBe(false);
  });

  it('leaves no listener on its scope nor on the process', async () => {
    const before = process.listenerCount('exit');
    await runScope(async (scope) => {
      await Promise.all(Array.from({ length: 20 }, () => runProcess(scope, 'true')));
      await runProcess(scope, 'false').catch(() => undefined);
      await runProcess(scope, 'no-such-program').catch(() => undefined);
    });
    expect(process.listenerCount('exit')).toBe(before);
  });

  describe('in a process of its own', () => {
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
});
