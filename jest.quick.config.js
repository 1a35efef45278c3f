import config from './jest.config.js';

/**
 * `npm test`: all tests but those that take long.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  testPathIgnorePatterns: ['/node_modules/', '\\.soak\\.test\\.ts$'],
};
