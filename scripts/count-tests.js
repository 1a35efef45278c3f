/**
 * Reads the JSON of Jest's runs, one file each, and prints their sum on one line: `Tests: N passed, N failed`, and how many
 * were skipped if any. Fails when a test failed, when a run has no results or none of its tests ran, and, with CI=true,
 * when one was skipped or is still to be written.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * @typedef {object} Results
 * @property {boolean} success
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ name: string, status: string, assertionResults: { status: string, fullName: string }[] }[]} testResults
 */

const sum = { passed: 0, failed: 0, skipped: 0 };
let success = true;
const files = process.argv.slice(2);
for (const file of files) add(file);
if (files.length === 0) fail('Which results? node scripts/count-tests.js FILE...');
if (sum.skipped > 0 && process.env.CI === 'true')
  fail(`CI accepts no skipped tests, but ${sum.skipped} were`);
const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : '';
console.log(`Tests: ${sum.passed} passed, ${sum.failed} failed${skipped}`);
if (!success || sum.failed > 0) process.exitCode = 1;

/** @param {string} file */
function add(file) {
  if (!existsSync(file)) {
    fail(`${basename(file)}: Jest wrote no results, since it did not come to its end`);
    sum.failed++;
    return;
  }
  const results = /** @type {Results} */ (JSON.parse(readFileSync(file, 'utf8')));
  // A file can fail with none of its tests: it did not load, or something went wrong between or after them.
  const broken = results.testResults.filter(
    (suite) => suite.status === 'failed' && !suite.assertionResults.some(({ status }) => status === 'failed'),
  );
  const failed = results.numFailedTests + broken.length;
  sum.passed += results.numPassedTests;
  sum.failed += failed;
  sum.skipped += results.numPendingTests + results.numTodoTests;
  for (const suite of results.testResults) {
    for (const { status, fullName } of suite.assertionResults) {
      if (status === 'pending' || status === 'todo') console.error(`${status}: ${suite.name}: ${fullName}`);
    }
  }
  if (results.numPassedTests + failed === 0) fail(`${basename(file)}: no test ran`);
  if (!results.success) success = false;
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  success = false;
}
