import { describe, expect, test } from '@jest/globals';
import { SampleApp } from '../sample/sample-app.js';
import { findExecutable } from '../support/programs/executable.js';
import { describeMissing } from '../support/programs/missing.js';
import { withTimeout } from '../support/wait.js';

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
  });
