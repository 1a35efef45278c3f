/**
 * The types that a server's tasks give its clients: a server is built, and a page that has nothing but this package imports
 * its declarations. Neither Nest nor Node nor RxJS has types there, and declarations are checked (no `skipLibCheck`), by each
 * TypeScript that is supported. Right code compiles there, and wrong code does not.
 *
 * Part of `npm run check:package`.
 */
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPESCRIPTS = ['5.9', '6.0', '7.0'];

const PROJECTS = fileURLToPath(new URL('./client-types', import.meta.url));
const TSC = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

/** In this process only the client, in ES modules and in CommonJS: nothing of Nest is there. */
const LOAD = `import { createRequire } from 'node:module';
import { createStreamingClient } from 'nestjs-streaming/client';
const required = createRequire(import.meta.url)('nestjs-streaming/client');
if (required.createStreamingClient !== createStreamingClient) throw new Error('Two clients');
createStreamingClient({ baseUrl: 'http://127.0.0.1/stream' });
`;

/**
 * Builds the declarations of a server.
 *
 * @param {string} app where the package is installed with Nest
 * @param {(command: string, args: string[], cwd: string) => string} run
 * @returns {string} where they are
 */
export function buildServerTypes(app, run) {
  const server = join(app, 'server');
  cpSync(join(PROJECTS, 'server'), server, { recursive: true });
  run(process.execPath, [TSC, '-p', '.'], server);
  return join(server, 'dist');
}

/**
 * @param {string} work an empty folder
 * @param {string} declarations those of the server
 * @param {(app: string, ...packages: string[]) => void} install
 * @param {string} tarball
 * @param {(command: string, args: string[], cwd: string) => string} run
 */
export function checkClientTypes(work, declarations, install, tarball, run) {
  const page = join(work, 'page');
  mkdirSync(page);
  writeFileSync(join(page, 'package.json'), '{ "private": true }');
  install(page, tarball);
  checkInstalled(page);
  writeFileSync(join(page, 'load.mjs'), LOAD);
  run(process.execPath, ['load.mjs'], page);

  install(page, ...TYPESCRIPTS.map((version) => `typescript-${version}@npm:typescript@~${version}.0`));
  cpSync(declarations, join(page, 'server'), { recursive: true });
  cpSync(join(PROJECTS, 'page'), page, { recursive: true });
  for (const version of TYPESCRIPTS) {
    const tsc = join(page, `node_modules/typescript-${version}/bin/tsc`);
    const shown = run(process.execPath, [tsc, '--version'], page).trim();
    if (!shown.startsWith(`Version ${version}.`)) throw new Error(`TypeScript ${version} says ${shown}`);
    run(process.execPath, [tsc, '--pretty', 'false'], page);
  }
  console.log(`The types of a server's tasks hold in a page, by TypeScript ${TYPESCRIPTS.join(', ')}.`);
}

/**
 * Who installs only the client has only what it needs.
 *
 * @param {string} page
 */
function checkInstalled(page) {
  const needed = ['@standard-schema', 'eventsource-parser', 'leven', 'nestjs-streaming'];
  const more = readdirSync(join(page, 'node_modules')).filter(
    (name) => !name.startsWith('.') && !needed.includes(name),
  );
  if (more.length > 0) throw new Error(`Installed with the package alone: ${more.join(', ')}`);
}
