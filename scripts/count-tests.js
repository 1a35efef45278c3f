/**
 * Reads Jest's JSON and prints one line: `Tests: N passed, N failed`, and how many were skipped if any.
 * Fails when a test failed, when none ran, and, with CI=true, when one was skipped or is still to be written.
 */
import { existsSync, readFileSync } from 'node:fs';

const [file = ''] = process.argv.slice(2);
if (!existsSync(file)) {
  console.error('Jest wrote no results: it did not come to its end');
  console.log('Tests: 0 passed, 1 failed');
  process.exit(1);
}

/**
 * @typedef {object} Results
 * @property {boolean} success
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ status: string, assertionResults: { status: string }[] }[]} testResults
 */
const result = /** @type {Results} */ (JSON.parse(readFileSync(file, 'utf8')));
const passed = result.numPassedTests;
const skipped = result.numPendingTests + result.numTodoTests;
// A file can fail with none of its tests: it did not load, or something went wrong between or after them.
const brokenFiles = result.testResults.filter(
  (suite) => suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed'),
).length;
const failed = result.numFailedTests + brokenFiles;

if (passed + failed === 0) console.error('No test ran');
if (skipped > 0 && process.env.CI === 'true')
  console.error(`CI accepts no skipped tests, but ${skipped} were`);
console.log(`Tests: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);

const complete = passed > 0 && (skipped === 0 || process.env.CI !== 'true');
if (!result.success || failed > 0 || !complete) process.exitCode = 1;
