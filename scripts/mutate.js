/**
 * Changes the library in one place at a time, and runs the tests that should notice. What they do not notice survives: a
 * test is missing there, or the code is not needed. Works in a copy of the checkout. Takes the quick tests only.
 *
 *     npm run mutation -- [--count 35 | --all] [--seed N] [--skip 0] [--least 85] [--workers 2] [path[:line]…]
 *
 * The same `--seed` takes the same mutants, as long as the code stays the same; `--skip 35` goes on with those behind the
 * first 35. Paths narrow down what is changed: `--all lib/run/task-run.ts:120` tries the mutants of that line alone.
 * Exits with 1 when fewer than `--least` percent of the mutants are killed.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutantsOf } from './mutants.js';

/** @typedef {import('./mutants.js').Mutant} Mutant */

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Left out are tests that start programs in process groups of their own, which would outlive a run that is killed, and those
 * of the built package, which is not changed.
 */
const SCOPES = 'test/cancellation/(?!scope/unhandled)';
const CANCELLATION = 'test/conformance/cancellation/(?!handlers/adapters)';
const STREAMING = 'test/conformance/streaming/(?!clients/)';

const RUNS = [
  ['test/run/', 'test/coordinator/'],
  [SCOPES, CANCELLATION],
  ['test/module/', 'test/testing/', 'test/e2e/http/', STREAMING],
];

/**
 * What is changed, and the tests of it in the order in which they are run, the nearest first.
 *
 * @type {Record<string, string[][]>}
 */
const TARGETS = {
  'lib/cancellation/': [[SCOPES], [CANCELLATION]],
  'lib/run/': RUNS,
  'lib/engine/': RUNS,
  'lib/http/stream/stream-limits.ts': [['test/http/stream/stream-limits', 'test/e2e/http/limits']],
  'lib/http/stream/broadcast/': [
    ['test/http/stream/broadcast/'],
    [STREAMING],
    ['test/http/[^/]*\\.test', 'test/http/stream/', 'test/e2e/http/'],
  ],
  'lib/log/': [
    ['test/log/'],
    ['test/conformance/streaming/position/'],
    [STREAMING, 'test/http/stream/connection/watch-all'],
  ],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    count: { type: 'string', default: '35' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    skip: { type: 'string', default: '0' },
    least: { type: 'string', default: '85' },
    workers: { type: 'string', default: '2' },
  },
});

const all = sources()
  .flatMap((file) => mutantsOf(file, readFileSync(join(ROOT, file), 'utf8')))
  .filter(isWanted);
const chosen = values.all ? all : sample(all);
if (chosen.length === 0) throw new Error(`Nothing is changed in ${positionals.join(', ')}`);
const which = values.all ? '' : `, --seed ${values.seed} --skip ${values.skip}`;
console.log(`${chosen.length} of ${all.length} mutants${which}`);

const work = mkdtempSync(join(tmpdir(), 'mutation-'));
const copy = join(work, 'copy');
/** @type {() => void} */
let stop = () => undefined;
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    stop();
    rmSync(work, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  copyCheckout();
  const limits = await timeLimits(new Set(chosen.flatMap((mutant) => stepsOf(mutant.file))));
  let killed = 0;
  for (const mutant of chosen) {
    const killer = await killerOf(mutant, limits);
    if (killer !== undefined) killed++;
    console.log(`\n${killer === undefined ? 'SURVIVED' : `killed by ${killer}`}\n${described(mutant)}`);
  }
  const percent = Math.floor((100 * killed) / chosen.length);
  console.log(`\n${killed} of ${chosen.length} mutants killed: ${percent} %`);
  if (percent < Number(values.least)) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** @returns {string[]} the files that are changed */
function sources() {
  const files = checkoutFiles().filter((file) => file.endsWith('.ts'));
  for (const start of Object.keys(TARGETS)) {
    if (!files.some((file) => file.startsWith(start)))
      throw new Error(`There is no ${start}: correct TARGETS`);
  }
  return files.filter((file) => stepsOf(file).length > 0).toSorted();
}

/**
 * @param {Mutant} mutant
 * @returns {boolean} whether it is in one of the paths that were given
 */
function isWanted({ file, start }) {
  if (positionals.length === 0) return true;
  const place = `${file}:${lineOf(file, start)}`;
  return positionals.some((path) => (/:\d+$/.test(path) ? place === path : file.startsWith(path)));
}

/**
 * @param {string} file
 * @param {number} at an offset in its text
 * @returns {number}
 */
function lineOf(file, at) {
  return readFileSync(join(ROOT, file), 'utf8').slice(0, at).split('\n').length;
}

/** @returns {string[]} all but what Git ignores */
function checkoutFiles() {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: ROOT })
    .toString()
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(ROOT, file)));
}

function copyCheckout() {
  for (const file of checkoutFiles()) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(ROOT, file), join(copy, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(join(work, 'tmp'));
}

/**
 * @param {string} file
 * @returns {string[][]}
 */
function stepsOf(file) {
  return Object.entries(TARGETS).find(([start]) => file.startsWith(start))?.[1] ?? [];
}

/**
 * Runs the tests on what is not changed: they have to pass, and take so long.
 *
 * @param {Set<string[]>} steps
 * @returns {Promise<Map<string[], number>>} how long each step may take with a mutant
 */
async function timeLimits(steps) {
  const limits = new Map();
  for (const step of steps) {
    const began = performance.now();
    const failed = await failureOf(step, 1_800_000);
    if (failed !== undefined) throw new Error(`The tests fail without any mutant: ${failed}`);
    limits.set(step, 3 * (performance.now() - began) + 20_000);
  }
  return limits;
}

/**
 * @param {Mutant} mutant
 * @param {Map<string[], number>} limits
 * @returns {Promise<string | undefined>} the test that noticed
 */
async function killerOf({ file, start, end, replacement }, limits) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.slice(0, start) + replacement + text.slice(end));
  try {
    for (const step of stepsOf(file)) {
      const failed = await failureOf(step, limits.get(step) ?? 0);
      if (failed !== undefined) return failed;
    }
    return undefined;
  } finally {
    writeFileSync(path, text);
  }
}

/**
 * Runs tests until the first of them fails.
 *
 * @param {string[]} tests
 * @param {number} limit in milliseconds
 * @returns {Promise<string | undefined>} its file and its name, or what else went wrong
 */
function failureOf(tests, limit) {
  const flags = ['--experimental-vm-modules', '--expose-gc', '--disable-warning=ExperimentalWarning'];
  const options = ['--config', 'jest.quick.config.js', '--maxWorkers', values.workers];
  // A mutant often has its tests hang.
  const reports = ['--reporters', './scripts/first-failure.js', '--testTimeout', '20000'];
  const child = spawn(
    process.execPath,
    [
      ...flags,
      'node_modules/jest/bin/jest.js',
      ...options,
      ...reports,
      '--cacheDirectory',
      join(work, 'cache'),
      '--testPathPatterns',
      ...tests,
    ],
    {
      cwd: copy,
      env: { ...process.env, FORCE_COLOR: '0', TMPDIR: join(work, 'tmp') },
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own, so that what tests have started is killed with it.
      detached: true,
    },
  );
  stop = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  return new Promise((resolve, reject) => {
    let written = '';
    /** @type {string | undefined} */
    let failed;
    const fail = (/** @type {string} */ what) => {
      failed ??= what;
      stop();
    };
    const timer = setTimeout(() => fail('the time limit'), limit);
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      written += chunk;
      const test = /^FAIL (.+)\n/m.exec(written)?.[1];
      if (test !== undefined) fail(test);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      if (code !== 0) failed ??= `a run that ended with ${code}\n${written}`;
      resolve(failed);
    });
  });
}

/**
 * @param {Mutant} mutant
 * @returns {string} with its place and the lines before and after
 */
function described({ file, what, start, end, replacement }) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const from = text.lastIndexOf('\n', start - 1) + 1;
  const to = text.indexOf('\n', end);
  const before = text.slice(from, to);
  const after = text.slice(from, start) + replacement + text.slice(end, to);
  return [
    `${file}:${lineOf(file, start)}: ${what}`,
    before.replaceAll(/^/gm, '- '),
    after.replaceAll(/^/gm, '+ '),
  ].join('\n');
}

/**
 * @template T
 * @param {T[]} items
 * @returns {T[]} some of them, the same ones for the same seed
 */
function sample(items) {
  const shuffled = [...items];
  let state = Number(values.seed);
  for (let at = shuffled.length - 1; at > 0; at--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (at + 1));
    const [one, two] = [shuffled[at], shuffled[other]];
    if (one !== undefined && two !== undefined) [shuffled[at], shuffled[other]] = [two, one];
  }
  const first = Number(values.skip);
  return shuffled.slice(first, first + Number(values.count));
}
