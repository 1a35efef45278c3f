import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { runScope } from 'nestjs-streaming';
import {
  ProcessFailedError,
  ProcessNotStartedError,
  type ProcessOptions,
  runProcess,
} from 'nestjs-streaming/process';
import { startTask } from '../support/app.js';
import { isRunning } from '../support/programs/processes.js';
import { endless, shell, temporaryFolder } from './support.js';

describe('runProcess', () => {
  const folder = temporaryFolder();

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
});
