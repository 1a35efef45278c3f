/**
 * Makes ready what a run needs: the other servers, installed here, and a build of the package. Says nothing unless it
 * fails.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));

if (!existsSync(new URL('node_modules/better-sse/package.json', import.meta.url))) {
  npm(here, 'ci', '--no-audit', '--no-fund', '--prefer-offline');
}
npm(root, 'run', 'build', '--silent');

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
