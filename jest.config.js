/**
 * @param {'es6' | 'commonjs'} type of modules
 * @returns {Record<string, [string, object]>}
 */
export function transformTo(type) {
  return {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2023',
          keepClassNames: true,
        },
        module: { type },
        sourceMaps: 'inline',
        swcrc: false,
      },
    ],
  };
}

/** @type {import('jest').Config} */
export default {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: transformTo('es6'),
  moduleNameMapper: {
    // The sources are tested, not the last build of them.
    '^nestjs-streaming$': '<rootDir>/lib/index.ts',
    '^nestjs-streaming/([^.]+)$': '<rootDir>/lib/$1/index.ts',
    // The build puts the page in it.
    '^\\./page-files\\.js$': '<rootDir>/test/support/dashboard/page-files.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/bench/', '<rootDir>/sample/.*/(dist|data)/'],
  setupFilesAfterEnv: ['<rootDir>/test/support/setup.ts'],
  maxWorkers: 2,
  // Modules of a test file are never freed, and a heap of gigabytes takes longer to end than Jest waits.
  workerIdleMemoryLimit: '1GB',
  // For what hangs. How long something may take is for its test to say, where it matters.
  testTimeout: 60_000,
};
