import { execFile } from 'node:child_process';

/** npm hands its settings for this package to its scripts; an npm started here must not take them for its own. */
export const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('npm_')));

/**
 * Runs a command to its end.
 *
 * @param {string} cwd
 * @param {string[]} command
 * @returns {Promise<string>} its standard output; when it fails, the error has all it wrote
 */
export function runCommand(cwd, [file = '', ...args]) {
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${cwd}: ${file} ${args.join(' ')}\n${stdout}\n${stderr}`));
    });
  });
}
