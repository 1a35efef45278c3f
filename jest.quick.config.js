import config from './jest.config.js';

/**
 * `npm test`: all tests but those that take long.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  // A third of their time they wait, for clocks and for other processes.
  maxWorkers: 3,
  testPathIgnorePatterns: ['/node_modules/', '\\.soak\\.test\\.ts$'],
};
