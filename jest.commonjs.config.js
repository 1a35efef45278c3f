import { readdirSync } from 'node:fs';
import { transformTo } from './jest.config.js';
import config from './jest.quick.config.js';

const ROOMS = readdirSync(new URL('lib', import.meta.url)).map((entry) => entry.replace(/\.ts$/, ''));

/**
 * The tests as CommonJS, and of this package its CommonJS build, without Node's flag for modules: what Nest 11 projects
 * have by default. Nest 12 does not load there.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  // It needs `await` at the top level, which CommonJS has not. It runs on Nest 11 in the row of ES modules.
  testPathIgnorePatterns: [
    ...(config.testPathIgnorePatterns ?? []),
    '/http/stream/output/no-socket\\.test\\.ts$',
  ],
  extensionsToTreatAsEsm: [],
  transform: transformTo('commonjs'),
  moduleNameMapper: {
    '^nestjs-streaming$': '<rootDir>/dist/commonjs/index.js',
    '^nestjs-streaming/([^.]+)$': '<rootDir>/dist/commonjs/$1/index.js',
    // Other packages have a folder named lib too.
    [`^(?:\\.\\./)+lib/((?:${ROOMS.join('|')})(?:/.*)?)\\.js$`]: '<rootDir>/dist/commonjs/$1.js',
    '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'],
  },
  modulePathIgnorePatterns: ['<rootDir>/bench/', '<rootDir>/sample/.*/(dist|data)/'],
};
