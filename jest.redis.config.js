import { spawnSync } from 'node:child_process';
import config from './jest.quick.config.js';

if (spawnSync(process.env.REDIS_SERVER ?? 'redis-server', ['--version']).error) {
  console.error('These tests need Redis: apt-get install redis-server, or set REDIS_SERVER');
  process.exit(1);
}

// Its workers take it from here.
process.env.STORE = 'redis';

/**
 * `npm run test:redis`: the behaviours, with all tasks in Redis.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  testMatch: ['<rootDir>/test/conformance/**/*.test.ts'],
};
