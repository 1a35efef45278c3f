/**
 * Installs the package in an empty application of Vite, React and TypeScript, as create-vite makes it: a page that has
 * nothing of Nest. Its own command must check the types and build it, and what is built has nothing in it that a page does
 * not need.
 *
 * Part of `npm run check:projects`.
 */
import { cpSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand as run } from './run-command.js';

const FILES = fileURLToPath(new URL('projects/vite', import.meta.url));
const CREATE = ['npm', 'exec', '--yes', 'create-vite@9.3.0', '--'];

/** Where modules of the page may come from. */
const ALLOWED = [
  /^src\//,
  /^node_modules\/(?:react|react-dom|scheduler|eventsource-parser)\//,
  /^node_modules\/nestjs-streaming\/dist\/(?:client|react)\//,
];

/** What npm must not install for a page. */
const FOREIGN = ['@nestjs', 'ai', 'preact', 'reflect-metadata', 'rxjs'];

/**
 * @param {string} work
 * @param {string} tarball
 */
export async function checkVite(work, tarball) {
  const began = Date.now();
  await run(work, [...CREATE, 'page', '--template', 'react-ts', '--no-interactive']);
  const page = join(work, 'page');
  cpSync(FILES, page, { recursive: true });
  await run(page, ['npm', 'install', '--no-audit', '--no-fund', tarball]);
  const installed = FOREIGN.filter((name) => existsSync(join(page, 'node_modules', name)));
  if (installed.length > 0) throw new Error(`A page installs ${installed.join(', ')}`);
  // `tsc -b && vite build`
  await run(page, ['npm', 'run', 'build', '--', '--sourcemap']);
  checkBundle(page);
  const seconds = Math.round((Date.now() - began) / 1_000);
  console.log(`Vite with npm: checks its types and builds, with nothing of Nest (${seconds} s)`);
}

/** @param {string} page */
function checkBundle(page) {
  const assets = join(page, 'dist/assets');
  const sources = readdirSync(assets)
    .filter((file) => file.endsWith('.js.map'))
    .flatMap((file) => {
      const text = readFileSync(join(assets, file), 'utf8');
      return /** @type {{ sources: string[] }} */ (JSON.parse(text)).sources;
    })
    .map((source) => source.replace(/^(?:\.\.\/)+/, ''));
  const foreign = sources.filter((source) => !ALLOWED.some((allowed) => allowed.test(source)));
  if (foreign.length > 0)
    throw new Error(`The page has modules that it does not need: ${foreign.join(', ')}`);
  for (const room of ['client', 'react']) {
    const folder = `node_modules/nestjs-streaming/dist/${room}/`;
    if (!sources.some((source) => source.startsWith(folder)))
      throw new Error(`The page has nothing of ${folder}`);
  }
}
