import { describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ProcessFailedError, runProcess } from 'nestjs-streaming/process';
import { startTask } from '../support/app.js';
import { isRunning } from '../support/programs/processes.js';
import { deferred, eventually } from '../support/wait.js';
import { endless, shell, temporaryFolder } from './support.js';

describe('the output of runProcess', () => {
  const folder = temporaryFolder();

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
