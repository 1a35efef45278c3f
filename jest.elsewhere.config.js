import config from './jest.quick.config.js';

// Its workers take it from here.
process.env.LOGS = 'elsewhere';

/**
 * `npm run test:elsewhere`: the behaviours, with logs that are kept elsewhere: they come in pages, late, and over a connection that is lost
 * now and then.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  testMatch: ['<rootDir>/test/conformance/**/*.test.ts'],
};
