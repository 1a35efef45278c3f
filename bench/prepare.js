/**
 * Makes ready what a run needs: the other servers, installed here, and a build of the package. Says nothing unless it
 * fails.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));

const { packages } = JSON.parse(read('package-lock.json') ?? '{}');
const { dependencies } = JSON.parse(read('package.json') ?? '{}');
// Also where one was added, or another version locked, since the last run.
if (
  !Object.keys(dependencies).every((name) => installed(name) === packages[`node_modules/${name}`].version)
) {
  npm(here, 'ci', '--no-audit', '--no-fund', '--prefer-offline');
}
npm(root, 'run', 'build', '--silent');

/** @param {string} name */
function installed(name) {
  return JSON.parse(read(`node_modules/${name}/package.json`) ?? '{}').version;
}

/** @param {string} path */
function read(path) {
  const url = new URL(path, import.meta.url);
  return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
}

/**
 * @param {string} cwd
 * @param {...string} args
 */
function npm(cwd, ...args) {
  // npm hands its settings for this package to its scripts; an npm started here must not take them for its own.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('npm_')));
  try {
    execFileSync('npm', args, {
      cwd,
      env,
      stdio: 'pipe',
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = /** @type {{ stdout?: string, stderr?: string }} */ (error);
    throw new Error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
