import { describe, expect, it } from '@jest/globals';
import { platform } from 'node:process';
import { stripVTControlCharacters } from 'node:util';
import { createTaskApp, handlerTask, type TaskApp } from '../support/app.js';
import { findExecutable } from '../support/programs/executable.js';
import { describeMissing } from '../support/programs/missing.js';
import { eventually } from '../support/wait.js';
import { Cli } from './support.js';

const suite = 'on a terminal';
const hasTerminals = platform === 'linux' && findExecutable('SCRIPT', ['script'], []) !== undefined;

const steps = handlerTask(
  async (task) => {
    await task.progress({ percent: 50, message: 'half of it' });
    await task.sendEvent('found', { file: 'a\u001b[31m\u009b31m\u202e.txt' });
    await task.waitForSignal('go');
    return { files: 1 };
  },
  { name: 'steps' },
);

async function start(): Promise<{ app: TaskApp; cli: Cli }> {
  const app = await createTaskApp({
    tasks: [steps],
    options: { http: { start: true, list: true } },
    forceCloseConnections: true,
  });
  const cli = new Cli(['start', 'test', 'steps', '--id', 'one'], { url: app.url, onTerminal: true });
  await cli.prints('found');
  return { app, cli };
}

const isOf = (app: TaskApp, status: string): Promise<boolean> =>
  app.coordinator.get({ app: 'test', name: 'steps', id: 'one' }).then((task) => task?.status === status);

if (!hasTerminals) describeMissing(suite, `"${suite}" needs script: apt-get install bsdutils`);
else
  describe(suite, () => {
    it('there are a bar, a line for each event, and how the task has ended', async () => {
      const { app, cli } = await start();
      await cli.prints('░');
      await app.coordinator.signal({ app: 'test', name: 'steps', id: 'one' }, 'go');
      expect(await cli.exit()).toBe(0);
      expect(cli.stdout).toContain('\u001b[32mcompleted');
      expect(cli.stdout).not.toMatch(/\u009b|\u202e/);
      const shown = stripVTControlCharacters(cli.stdout);
      expect(shown).toContain('test/steps/one');
      expect(shown).toContain('50%  half of it');
      expect(shown).toContain('completed  {"files":1}');
    });

    it('there are no colours with NO_COLOR', async () => {
      const { app, cli } = await start();
      await app.coordinator.cancelTask({ app: 'test', name: 'steps', id: 'one' });
      await cli.exit();
      const status = new Cli(['status', 'test', 'steps', 'one'], {
        url: app.url,
        env: { NO_COLOR: '1' },
        onTerminal: true,
      });
      expect(await status.exit()).toBe(0);
      expect(status.stdout).toContain('test/steps/one  cancelled');
      expect(status.stdout).not.toContain('\u001b[3');
    });

    it('Ctrl-C asks: the task goes on, and so does watching, is stopped, or the task is cancelled', async () => {
      const { app, cli } = await start();
      cli.type('\u0003');
      await cli.prints('c: cancel the task');
      // Keys are not echoed while it asks: what comes next is the line without the question.
      const asked = cli.stdout.length;
      cli.type('g');
      await eventually(() => cli.stdout.length > asked);
      const goesOn = cli.stdout.length;
      cli.type('\u0003');
      await eventually(() => cli.stdout.includes('c: cancel the task', goesOn));
      cli.type('c');
      expect(await cli.exit()).toBe(3);
      expect(stripVTControlCharacters(cli.stdout)).toMatch(/cancelled {2}external_cancellation/);
      expect(await isOf(app, 'cancelled')).toBe(true);
    });

    it.each([
      ['s', 'stops watching'],
      ['\u0003', 'stops watching, too'],
    ])('behind Ctrl-C the key %j %s', async (key) => {
      const { app, cli } = await start();
      cli.type('\u0003');
      await cli.prints('s: stop watching');
      cli.type(key);
      expect(await cli.exit()).toBe(130);
      expect(await isOf(app, 'running')).toBe(true);
    });

    it('with --json nothing is asked: Ctrl-C stops watching', async () => {
      const { app } = await start();
      const cli = new Cli(['watch', 'test', 'steps', 'one', '--json'], { url: app.url, onTerminal: true });
      await cli.prints('found');
      cli.type('\u0003');
      expect(await cli.exit()).toBe(130);
    });

    it('a list has a line for each task', async () => {
      const { app } = await start();
      const list = new Cli(['list'], { url: app.url, onTerminal: true });
      expect(await list.exit()).toBe(0);
      expect(stripVTControlCharacters(list.stdout)).toMatch(
        /^test\/steps\/one {2}running {5}\S+ \S+ {3}50% {2}half of it/m,
      );
    });
  });
