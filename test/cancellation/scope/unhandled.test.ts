import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';

/** In a process of its own, with the built package. */
describe('an error of a promise that nobody looks at', () => {
  const bodies: Record<string, string> = {
    waitFor: `scope.waitFor(Promise.reject(new Error('mine')))`,
    timeout: `scope.timeout(60_000, async () => { throw new Error('mine'); })`,
    'a time limit': `scope.timeout(1, (inner) => inner.sleep(60_000))`,
    scope: `scope.scope(async () => { throw new Error('mine'); })`,
    group: `scope.group(async () => { throw new Error('mine'); })`,
    retry: `scope.retry({ attempts: 1 }, async () => { throw new Error('mine'); })`,
  };
  it.each(Object.entries(bodies))('%s: is an unhandled rejection', (_what, body) => {
    const script = `
      import { runScope } from 'nestjs-streaming/cancellation';
      process.on('unhandledRejection', (error) => { console.log(error.name); process.exit(3); });
      await runScope(async (scope) => { void ${body}; await scope.sleep(200); });
    `;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([3, '']);
    expect(stdout).toMatch(/Error/);
  });
});
