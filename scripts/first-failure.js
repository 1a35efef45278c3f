import { relative } from 'node:path';

/** Tells of each failed test as soon as it has failed: a run of mutants need not wait for the rest of its file. */
export default class FirstFailure {
  /**
   * @param {import('@jest/reporters').Test} test
   * @param {import('@jest/test-result').TestCaseResult} result
   */
  onTestCaseResult({ path, context }, { status, fullName }) {
    if (status === 'failed') tell(`${relative(context.config.rootDir, path)}, ${fullName}`);
  }

  /**
   * Also where the file itself failed.
   *
   * @param {import('@jest/reporters').Test} test
   * @param {import('@jest/test-result').TestResult} result
   */
  onTestFileResult({ path, context }, { testExecError }) {
    if (testExecError) tell(`${relative(context.config.rootDir, path)}, ${testExecError.message}`);
  }
}

/** @param {string} what */
function tell(what) {
  process.stderr.write(`\nFAIL ${what.replaceAll('\n', ' ').slice(0, 200)}\n`);
}
