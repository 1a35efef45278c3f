import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';

/** Beside the connections: what Node itself and the modules it loads keep open. */
const otherFiles = 100;

/** Where a run took place, as lines of a list. */
export function describeMachine() {
  const gib = totalmem() / 2 ** 30;
  const own = readVersion(new URL('../../package.json', import.meta.url));
  const others = [
    '@nestjs/core',
    '@nestjs/platform-express',
    '@nestjs/platform-fastify',
    'rxjs',
    'express',
    'fastify',
    ...Object.keys(
      JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).dependencies,
    ),
  ];
  return [
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${gib.toFixed(0)} GiB of memory`,
    `${platform()} ${release()} on ${arch()}, Node ${process.versions.node}`,
    [`nestjs-streaming ${own}`, ...[...new Set(others)].map((name) => `${name} ${versionOf(name)}`)].join(
      ', ',
    ),
  ];
}

/**
 * Each process has a file descriptor for each of its connections.
 *
 * @param {number} connections
 */
export function assertEnoughFiles(connections) {
  const needed = connections + otherFiles;
  const limit = openFileLimit();
  if (limit >= needed) return;
  throw new Error(
    `${connections} connections need ${needed} open files in one process, and the limit is ${limit}: ` +
      `run "ulimit -n ${needed}" first, or use --quick`,
  );
}

function openFileLimit() {
  // Windows has none.
  if (platform() === 'win32') return Infinity;
  // Of a child of this process, as servers and clients are: Node has raised the soft limit for them to the hard one.
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? Infinity : Number(limit);
}

/** @param {string} name */
function versionOf(name) {
  // Found by path: not every package exports its package.json.
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const manifest = folders.map((folder) => join(folder, name, 'package.json')).find(existsSync);
  return manifest === undefined ? '(not installed)' : readVersion(manifest);
}

/**
 * @param {string | URL} manifest
 * @returns {string}
 */
function readVersion(manifest) {
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}
