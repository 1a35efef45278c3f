import config from './jest.config.js';

/**
 * `npm run test:soak`: the tests that take long: fuzzing, memory, scale, browsers and clients in real time.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  testMatch: ['<rootDir>/test/**/*.soak.test.ts'],
  // Their tests wait for a third of their time.
  maxWorkers: 3,
};
