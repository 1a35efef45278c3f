/**
 * Runs the core of the tests on each supported version of Node and of Nest, and the CommonJS build too; and those of tasks in Redis with
 * the oldest BullMQ and ioredis. Whatever else a row needs is the same as in `npm test`, which is itself the row of the Node that runs
 * this, with the newest Nest.
 *
 * Needs the npm registry: the package `node-<platform>-<arch>` is Node itself. `npm run check:matrix -- 'Node 22'` runs the rows
 * whose names begin so; `RESULTS=folder` keeps Jest's JSON there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { env, runCommand as run } from './run-command.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The first of each supported line, or else its newest. */
const NODES = { 20: '20.19.0', 22: '22', 24: '24' };

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {keyof typeof NODES} node
 * @property {'11.2'} [nest] the one in package-lock.json unless given
 * @property {true} [commonjs]
 * @property {true} [oldestRedis] with the oldest BullMQ and ioredis
 */

/** @type {Row[]} */
const ROWS = [
  { name: 'Node 20.19, Nest 12', node: 20 },
  { name: 'Node 22, Nest 12', node: 22 },
  { name: 'Node 24, Nest 11.2', node: 24, nest: '11.2' },
  { name: 'Node 20.19, Nest 11.2, CommonJS', node: 20, nest: '11.2', commonjs: true },
  { name: 'BullMQ 6.4.0, ioredis 5.9.0', node: 24, oldestRedis: true },
];

/** What depends on Node, on Nest or on how modules are loaded. */
const CORE = [
  'test/conformance/cancellation/',
  'test/conformance/streaming/[^/]*\\.test',
  'test/conformance/streaming/position/',
  'test/conformance/streaming/connections/connections',
  'test/coordinator/',
  'test/e2e/shutdown',
  'test/http/[^/]*\\.test',
  'test/http/(errors|request)/',
  'test/http/stream/(connection|output|stream-limits)',
  'test/internals/',
  'test/module/',
  'test/process/',
  'test/run/',
  'test/rxjs/',
  'test/testing/',
  'test/worker/',
];

/** What depends on BullMQ and ioredis. */
const REDIS = ['test/bullmq/[^/]*\\.test', 'test/bullmq/redis/connection/', 'test/bullmq/run/'];

/** @type {Record<'11.2', string[]>} */
const NEST = {
  11.2: [
    ...['common', 'core', 'platform-express', 'platform-fastify', 'testing'].map(
      (name) => `@nestjs/${name}@~11.2`,
    ),
    '@nestjs/swagger@~11.4',
  ],
};

const work = mkdtempSync(join(tmpdir(), 'nestjs-streaming-matrix-'));
const results = process.env.RESULTS ?? work;
const chosen = process.argv.slice(2);
const rows = ROWS.filter((row) =>
  chosen.length === 0 ? !isNpmTest(row) : chosen.some((start) => row.name.startsWith(start)),
);
try {
  mkdirSync(results, { recursive: true });
  // All wait for the registry for most of their time.
  const [nodes, oldestNest, oldestRedis] = await Promise.all([
    installNodes(),
    rows.some(({ nest }) => nest === '11.2') ? checkOut('11.2') : ROOT,
    rows.some((row) => row.oldestRedis) ? checkOutOldestRedis() : ROOT,
  ]);
  for (const row of rows) {
    const withNest = row.nest === undefined ? ROOT : oldestNest;
    await check(row, row.oldestRedis ? oldestRedis : withNest, nodes);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** @param {Row} row */
function isNpmTest({ node, nest, commonjs, oldestRedis }) {
  return process.versions.node.startsWith(`${node}.`) && nest === undefined && !commonjs && !oldestRedis;
}

/** @returns {Promise<string>} the folder with their packages */
async function installNodes() {
  const folder = join(work, 'nodes');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const packages = [...new Set(rows.map(({ node }) => node))].map(
    (node) => `node-${node}@npm:node-${process.platform}-${process.arch}@${NODES[node]}`,
  );
  await run(folder, ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]);
  return join(folder, 'node_modules');
}

/**
 * A copy of this checkout, uncommitted changes included, with another version of Nest.
 *
 * @param {'11.2'} nest
 */
async function checkOut(nest) {
  const copy = await copyFiles('checkout');
  await run(copy, [
    'npm',
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--save-dev',
    ...NEST[nest],
  ]);
  await run(copy, ['npm', 'run', 'build']);
  return copy;
}

/** A copy whose packages are those of this checkout, but for two. */
async function checkOutOldestRedis() {
  const copy = await copyFiles('oldest-redis');
  const versions = join(work, 'redis');
  mkdirSync(versions);
  writeFileSync(join(versions, 'package.json'), '{ "private": true }');
  const packages = ['bullmq@6.4.0', 'ioredis@5.9.0'];
  await run(versions, ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]);
  const installed = join(ROOT, 'node_modules');
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(installed)) {
    const from = ['bullmq', 'ioredis'].includes(name) ? join(versions, 'node_modules') : installed;
    symlinkSync(join(from, name), join(copy, 'node_modules', name));
  }
  return copy;
}

/** @param {string} name of the folder */
async function copyFiles(name) {
  const copy = join(work, name);
  const listed = await run(ROOT, ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z']);
  for (const file of new Set(listed.split('\0').filter((each) => each !== ''))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(ROOT, file), join(copy, file), { force: true });
  }
  return copy;
}

/**
 * @param {Row} row
 * @param {string} checkout
 * @param {string} nodes
 */
async function check({ name, node, commonjs, oldestRedis }, checkout, nodes) {
  console.log(`\n-- ${name}`);
  const bin = join(nodes, `node-${node}`, 'bin');
  const flags = commonjs ? [] : ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const config = commonjs ? 'jest.commonjs.config.js' : 'jest.quick.config.js';
  const output = join(results, `matrix-${name.replace(/[^\w.]+/g, '-').toLowerCase()}.json`);
  const args = ['--expose-gc', ...flags, 'node_modules/jest/bin/jest.js', '--config', config];
  const jest = spawn(
    join(bin, 'node'),
    [...args, '--json', '--outputFile', output, ...(oldestRedis ? REDIS : CORE)],
    {
      cwd: checkout,
      // What tests start by its name is of the same version.
      env: { ...env, PATH: `${bin}${delimiter}${env['PATH'] ?? ''}` },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 420_000,
    },
  );
  const exited = once(jest, 'exit');
  let log = '';
  jest.stderr.on('data', (chunk) => (log += String(chunk)));
  const [code] = /** @type {[number | null]} */ (await exited);
  // Files that passed are many, and say nothing.
  console.log(log.replace(/^PASS .*\n/gm, '').trim());
  if (code === 0) return;
  console.error(`${name}: ${code === null ? 'stopped after 7 minutes' : `Jest ended with ${code}`}`);
  process.exitCode = 1;
}
