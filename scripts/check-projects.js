/**
 * Installs the package where people install it: in the projects that Nest's CLI creates, of each supported major, with
 * npm and with pnpm. A task, its unit test and its e2e test are put there; then the project's own commands must build it,
 * test it and start it. And in the page that create-vite creates (project-vite.js).
 *
 * Needs a build in dist/ and the npm registry. `npm run check:projects -- 11 pnpm` checks only what its arguments name,
 * `npm run check:projects -- vite` the page.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { checkVite } from './project-vite.js';
import { env, runCommand as run } from './run-command.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILES = join(ROOT, 'scripts/projects/nest');

/** Newer ones want a later Node than the oldest that is supported. */
const PNPM = ['npm', 'exec', '--yes', 'pnpm@10.34.8', '--'];

/** @type {Record<string, string[]>} */
const MANAGERS = { npm: ['npm'], pnpm: PNPM };
const MAJORS = ['11', '12'];

/** Beside the package: what the task there uses. */
const PACKAGES = ['class-validator', 'class-transformer'];

const VITE = 'vite';

const chosen = process.argv.slice(2);
const hasNest = chosen.length === 0 || chosen.some((name) => name !== VITE);
const hasVite = chosen.length === 0 || chosen.includes(VITE);
const chosenOf = (/** @type {string[]} */ all) =>
  all.some((name) => chosen.includes(name)) ? all.filter((name) => chosen.includes(name)) : all;

const work = mkdtempSync(join(tmpdir(), 'nestjs-streaming-projects-'));
try {
  const tarball = await pack();
  // One after the other: each of the steps keeps all processors busy.
  for (const major of hasNest ? chosenOf(MAJORS) : []) {
    await create(major);
    for (const manager of chosenOf(Object.keys(MANAGERS))) await check(major, manager, tarball);
  }
  if (hasVite) await checkVite(work, tarball);
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function pack() {
  const output = await run(ROOT, ['npm', 'pack', '--json', '--pack-destination', work]);
  const [packed] = /** @type {{ filename: string }[]} */ (JSON.parse(output));
  if (packed === undefined) throw new Error('npm packed nothing');
  return join(work, packed.filename);
}

/**
 * Creates the project without its packages, and puts our files there.
 *
 * @param {string} major
 */
async function create(major) {
  const name = `nest-${major}`;
  const cli = ['npm', 'exec', '--yes', `@nestjs/cli@${major}`, '--'];
  await run(work, [...cli, 'new', name, '--skip-git', '--skip-install', '--package-manager', 'npm']);
  const project = join(work, name);
  cpSync(FILES, project, { recursive: true });
  const manifest = /** @type {{ type?: string }} */ (
    JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  );
  if (manifest.type !== 'module') dropExtensions(project);
}

/**
 * Nest's CommonJS projects import without extensions: their Jest does not find a `.ts` by the name of its `.js`.
 *
 * @param {string} project
 */
function dropExtensions(project) {
  for (const file of readdirSync(FILES, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(FILES, file), 'utf8');
    writeFileSync(join(project, file), text.replace(/( from '.*)\.js';$/gm, "$1';"));
  }
}

/**
 * @param {string} major
 * @param {string} manager
 * @param {string} tarball
 */
async function check(major, manager, tarball) {
  const began = Date.now();
  const project = join(work, `nest-${major}-${manager}`);
  cpSync(join(work, `nest-${major}`), project, { recursive: true });
  const command = /** @type {string[]} */ (MANAGERS[manager]);
  await run(project, [...command, manager === 'npm' ? 'install' : 'add', tarball, ...PACKAGES]);
  await run(project, [
    process.execPath,
    'node_modules/typescript/bin/tsc',
    '--noEmit',
    '-p',
    'tsconfig.json',
  ]);
  for (const script of ['build', 'test', 'test:e2e']) await run(project, [...command, 'run', script]);
  await checkStart(project, [...command, 'run', 'start']);
  rmSync(project, { recursive: true, force: true });
  const seconds = Math.round((Date.now() - began) / 1_000);
  console.log(`Nest ${major} with ${manager}: builds, passes its tests and starts (${seconds} s)`);
}

/**
 * Starts the application as its user does, and runs a task in it.
 *
 * @param {string} project
 * @param {string[]} command
 */
async function checkStart(project, command) {
  const port = await freePort();
  const [file, ...args] = /** @type {[string, ...string[]]} */ (command);
  // Of its own group, so that all of it can be ended: the package manager, the CLI and the application.
  const app = spawn(file, args, {
    cwd: project,
    env: { ...env, PORT: String(port) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  app.stdout.on('data', (chunk) => (output += String(chunk)));
  app.stderr.on('data', (chunk) => (output += String(chunk)));
  const exited = once(app, 'exit');
  try {
    const url = `http://127.0.0.1:${port}/stream/app/CountdownTask/started`;
    const headers = { 'Content-Type': 'application/json' };
    const started = await untilItListens(app, () =>
      fetch(url, { method: 'PUT', headers, body: JSON.stringify({ from: 1 }) }),
    );
    if (started.status !== 201) throw new Error(`PUT answered ${started.status}`);
    const stream = await (await fetch(url)).text();
    if (!stream.includes('event: completed')) throw new Error(`The stream was:\n${stream}`);
  } catch (cause) {
    throw new Error(`${command.join(' ')}\n${output}`, { cause });
  } finally {
    if (app.pid !== undefined && app.exitCode === null) process.kill(-app.pid, 'SIGKILL');
    await exited;
  }
}

/**
 * @template T
 * @param {import('node:child_process').ChildProcess} app
 * @param {() => Promise<T>} request
 * @returns {Promise<T>}
 */
async function untilItListens(app, request) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (app.exitCode !== null || Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  return port;
}
