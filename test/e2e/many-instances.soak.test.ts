import { describe, expect, test } from '@jest/globals';
import { SampleApp } from '../sample/sample-app.js';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { findExecutable } from '../support/programs/executable.js';
import { describeMissing } from '../support/programs/missing.js';
import { eventually, patience, withTimeout } from '../support/wait.js';

const suite = 'the demo of many instances';
const isInstalled =
  findExecutable('NGINX_PATH', ['nginx'], ['/usr/sbin', '/usr/local/sbin']) !== undefined &&
  findExecutable('REDIS_SERVER', ['redis-server'], []) !== undefined;

if (!isInstalled)
  describeMissing(suite, `"${suite}" needs nginx and Redis: apt-get install nginx redis-server`);
else
  describe(suite, () => {
    test("through a kill and a rolling restart every watcher's sequence is whole", async () => {
      const args = ['--demo', '--tasks', '10', '--watchers', '40', '--seconds', '20'];
      await using demo = await SampleApp.run('03-many-instances', { args });
      const exit = await withTimeout(demo.exit, 150_000, () => `the end of the demo:\n${demo.output}`);
      expect({ ...exit, output: demo.output }).toMatchObject({ code: 0, signal: null });
      const lines = demo.output.split('\n').map((line) => line.trim().replace(/ {2,}/, ': '));
      for (const line of [
        'watchers whose sequence is whole: 40 of 40',
        'missing, doubled, reported as gaps: 0, 0, 0',
        'tasks that completed: 10 of 10',
        "Every watcher's sequence is whole.",
      ])
        expect(lines).toContain(line);
      expect(demo.output).toMatch(/SIGKILL to (\w+), which runs [1-9]/);
    }, 180_000);

    describeWithChromium('the page of many instances', (browserPath) => {
      test('starts, watches and cancels tasks, and shows where they run and where they go on', async () => {
        await using app = await SampleApp.start('03-many-instances');
        const browser = await launchChromium(browserPath);
        try {
          const page = await browser.newPage();
          const problems: string[] = [];
          page.on('pageerror', (error) => problems.push(error.message));
          await page.goto(app.url);
          await page.fill('[name=count]', '6');
          await page.click('#start [type=submit]');
          const tasks = page.locator('.task');
          const instances = page.locator('.task .instance');
          await eventually(async () => (await instances.allTextContents()).filter(Boolean).length === 6);

          await tasks.first().locator('.cancel').click();
          await eventually(
            async () => (await tasks.first().locator('.status').textContent()) === 'cancelled',
          );

          const name = (await instances.last().textContent()) ?? '';
          const pid = new RegExp(`${name} +port \\d+, process (\\d+)`).exec(app.output)?.[1];
          process.kill(Number(pid), 'SIGKILL');
          const way = tasks.last().locator('.way');
          await eventually(async () =>
            ((await way.textContent()) ?? '').startsWith(`ran on ${name} (instance lost) → `),
          );
          expect(problems).toEqual([]);
        } finally {
          await browser.close();
        }
        expect(await app.stop('SIGINT', patience)).toEqual({ code: null, signal: 'SIGINT' });
      });
    });
  });
