import { describe, expect, test } from '@jest/globals';
import { SampleApp } from '../sample/sample-app.js';
import { findExecutable } from '../support/programs/executable.js';
import { describeMissing } from '../support/programs/missing.js';
import { isRunning } from '../support/programs/processes.js';
import { eventually, patience, withTimeout } from '../support/wait.js';

const SAMPLE = '03-many-instances';
const suite = 'many instances';
const isInstalled =
  findExecutable('NGINX_PATH', ['nginx'], ['/usr/sbin', '/usr/local/sbin']) !== undefined &&
  findExecutable('REDIS_SERVER', ['redis-server'], []) !== undefined;

interface Instances {
  readonly instances: readonly string[];
}

if (!isInstalled)
  describeMissing(suite, `"${suite}" needs nginx and Redis: apt-get install nginx redis-server`);
else
  describe(suite, () => {
    test('started, watched and cancelled through the load balancer; a killed instance comes back; Ctrl+C ends all', async () => {
      await using app = await SampleApp.start(SAMPLE);
      const instances = [...app.output.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));
      expect(instances).toHaveLength(3);
      expect((await app.request<Instances>('GET', '/instances')).body.instances).toHaveLength(3);

      const path = await app.task('ImportTask', { rows: 10_000, pace: 20 });
      await using stream = await app.watch(path);
      expect((await stream.next('progress')).data).toMatchObject({ instance: expect.any(String) });
      const { status } = await app.request('DELETE', path);
      expect(status).toBe(202);
      expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'external_cancellation' });

      process.kill(instances[0]!, 'SIGKILL');
      await eventually(() => app.output.includes('one is back'));

      expect(await app.stop('SIGINT')).toEqual({ code: null, signal: 'SIGINT' });
      expect(instances.filter(isRunning)).toEqual([]);
    });
  });

describe('many instances without what they need', () => {
  test.each([
    [{ PATH: '', REDIS_SERVER: '' }, /^This sample needs redis-server: apt-get install redis-server .*$/m],
    [{ NGINX_PATH: '/nowhere/nginx' }, /^NGINX_PATH is "\/nowhere\/nginx", which cannot be run$/m],
    [{ PORT: 'x' }, /^PORT is "x", which is no port; choose 0 to 65535$/m],
  ])('%j: one line says so', async (env, line) => {
    // A Redis of one's own would be used.
    await using app = await SampleApp.run(SAMPLE, { env: { REDIS_URL: '', ...env } });
    const exit = await withTimeout(app.exit, patience, 'its end');
    expect(exit).toEqual({ code: 1, signal: null });
    expect(app.output.trim()).toMatch(line);
    expect(app.output.trim().split('\n')).toHaveLength(1);
  });
});
