/**
 * Checks what would be published: packs the package, holds the tarball against what belongs into it, and uses it as an
 * application would: installed beside its peers, by `import` and by `require`, in JavaScript and in TypeScript.
 *
 * Needs a build in dist/ and the npm registry.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { checkClient } from './package-client.js';
import { checkCommonJs, checkCopies } from './package-copies.js';
import { checkLinks } from './package-links.js';
import { checkReact } from './package-react.js';
import { buildServerTypes, checkClientTypes } from './package-types.js';
import { env } from './run-command.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGE = 'nestjs-streaming';

/**
 * What each entry point must export, and the optional peers that it needs.
 *
 * @type {Record<string, { exports: string[], peers?: string[] }>}
 */
const ENTRY_POINTS = {
  '': { exports: ['CoordinatorService', 'StreamingModule'] },
  '/ai': {
    exports: ['sendUIMessageStream', 'TaskChatTransport', 'useTaskChat'],
    peers: ['ai@7', '@ai-sdk/react@4', 'react@19', '@types/react@19'],
  },
  '/bullmq': { exports: ['bullmq'], peers: ['bullmq@6', 'ioredis@5'] },
  '/cancellation': { exports: ['CancelScope', 'isCancellation', 'runScope'] },
  '/client': { exports: ['createStreamingClient', 'StreamingRequestError'] },
  '/dashboard': { exports: ['StreamingDashboardModule'] },
  '/postgres': { exports: ['runQuery'], peers: ['pg@8', '@types/pg@8'] },
  '/process': { exports: ['ProcessFailedError', 'runProcess'] },
  '/react': {
    exports: ['StreamingProvider', 'useStartTask', 'useTask', 'useTasks'],
    peers: ['react@19', '@types/react@19'],
  },
  '/rxjs': { exports: ['abortable'] },
  '/task': { exports: ['StreamTask', 'TaskContext'] },
  '/testing': { exports: ['TaskHarness', 'taskHarness'] },
  '/worker': { exports: ['runInWorker'], peers: ['piscina@5'] },
};

/** The files that must be there; of others, only what the pattern names. */
const REQUIRED = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  ...Object.keys(ENTRY_POINTS).flatMap((path) =>
    ['dist', 'dist/commonjs'].flatMap((build) => [`${build}${path}/index.d.ts`, `${build}${path}/index.js`]),
  ),
  'dist/cli.cjs',
  'dist/cli.licences.txt',
  'dist/ai/node.js',
  'dist/dashboard/page.licences.txt',
  'dist/worker/job-entry.js',
  'dist/commonjs/ai/node.js',
  'dist/commonjs/package.json',
  'dist/commonjs/worker/job-entry.js',
  'package.json',
];
const ALLOWED = /^(?:dist\/[\w./-]+\.(?:d\.ts|js|js\.map)|docs\/(?:[\w-]+\.md|dashboard-[\w-]+\.png))$/;

/** Each supported major of Nest. */
const NEST_VERSIONS = ['11.2', '12'];

/** The oldest React that is supported, and each later major. */
const REACT_VERSIONS = ['18.2', '19'];

const work = mkdtempSync(join(tmpdir(), `${PACKAGE}-`));
try {
  const { tarball, files } = pack();
  checkContents(files);
  checkLinks(ROOT, files);
  checkSourceMaps(files.filter((file) => file.endsWith('.js')));
  await checkManifest(tarball);
  const apps = NEST_VERSIONS.map((version) => checkUse(tarball, version));
  checkClientTypes(work, buildServerTypes(/** @type {string} */ (apps.at(-1)), run), install, tarball, run);
  for (const version of REACT_VERSIONS) checkReact(work, version, tarball, run);
  console.log(`The package is as it should be: ${files.length} files.`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function pack() {
  const output = run('npm', ['pack', '--json', '--pack-destination', work], ROOT);
  const [packed] = /** @type {{ filename: string, files: { path: string }[] }[]} */ (JSON.parse(output));
  if (packed === undefined) throw new Error('npm packed nothing');
  return { tarball: join(work, packed.filename), files: packed.files.map((file) => file.path) };
}

/** @param {string[]} files */
function checkContents(files) {
  const missing = REQUIRED.filter((file) => !files.includes(file));
  const foreign = files.filter((file) => !REQUIRED.includes(file) && !ALLOWED.test(file));
  if (missing.length > 0) throw new Error(`Missing in the tarball: ${missing.join(', ')}`);
  if (foreign.length > 0) throw new Error(`Not meant for the tarball: ${foreign.join(', ')}`);
}

/** @param {string[]} scripts */
function checkSourceMaps(scripts) {
  for (const script of scripts) {
    const text = readFileSync(join(ROOT, `${script}.map`), 'utf8');
    const map = /** @type {{ sources: string[], sourcesContent?: string[] }} */ (JSON.parse(text));
    if (map.sourcesContent?.length !== map.sources.length) {
      throw new Error(`${script}.map points at sources that the tarball does not have`);
    }
    // Debuggers and stack traces go by the path, which is one of this checkout.
    const unknown = map.sources.filter((source) => !existsSync(join(ROOT, dirname(script), source)));
    if (unknown.length > 0) {
      throw new Error(`${script}.map names sources that do not exist: ${unknown.join(', ')}`);
    }
  }
}

/** @param {string} tarball */
async function checkManifest(tarball) {
  const manifest = /** @type {{ exports: object }} */ (
    JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  );
  const paths = Object.keys(manifest.exports).map((path) => path.slice(1));
  const files = ['/package.json', '/client/browser.js'];
  const unknown = paths.filter((path) => !files.includes(path) && !ENTRY_POINTS[path]);
  if (unknown.length > 0) throw new Error(`Entry points that are not checked here: ${unknown.join(', ')}`);
  const buffer = readFileSync(tarball);
  const { messages, pkg } = await publint({
    pack: { tarball: buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) },
    strict: true,
  });
  if (messages.length === 0) return;
  throw new Error(`publint:\n${messages.map((message) => formatMessage(message, pkg)).join('\n')}`);
}

/**
 * @param {string} tarball
 * @param {string} nest
 * @returns {string} where it was installed
 */
function checkUse(tarball, nest) {
  const app = join(work, `nest-${nest}`);
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{ "private": true }');
  // First only what a user must have: the optional peers stay out, and so do our development dependencies.
  install(app, tarball, `@nestjs/common@${nest}`, `@nestjs/core@${nest}`, 'reflect-metadata@0.2', 'rxjs@7');
  const paths = Object.keys(ENTRY_POINTS);
  checkEntryPoints(
    app,
    paths.filter((path) => !ENTRY_POINTS[path]?.peers),
  );
  install(app, 'esbuild@0.25', ...paths.flatMap((path) => ENTRY_POINTS[path]?.peers ?? []));
  checkEntryPoints(app, paths);
  checkClient(app, run);
  checkCopies(
    app,
    paths.map((path) => `${PACKAGE}${path}`),
    run,
  );
  // Nest 12 has ES modules only.
  if (nest.startsWith('11.')) checkCommonJs(app, run);
  return app;
}

/**
 * @param {string} app
 * @param {string[]} packages
 */
function install(app, ...packages) {
  run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...packages],
    app,
  );
}

/**
 * @param {string} app
 * @param {string[]} paths
 */
function checkEntryPoints(app, paths) {
  const write = (/** @type {string} */ name, /** @type {string[]} */ lines) =>
    writeFileSync(join(app, name), `${lines.join('\n')}\n`);
  const entries = paths.map((path, index) => ({
    specifier: `${PACKAGE}${path}`,
    local: `entry${index}`,
    names: ENTRY_POINTS[path]?.exports ?? [],
  }));
  const check = entries.map(
    ({ specifier, local, names }) => `for (const name of ${JSON.stringify(names)}) {
      if (typeof ${local}[name] !== 'function') throw new Error('${specifier} exports no ' + name);
    }`,
  );
  const imports = entries.map(({ specifier, local }) => `import * as ${local} from '${specifier}';`);
  const requires = entries.map(({ specifier, local }) => `const ${local} = require('${specifier}');`);
  write('load.mjs', [`import 'reflect-metadata';`, ...imports, ...check]);
  write('load.cjs', [`require('reflect-metadata');`, ...requires, ...check]);
  run(process.execPath, ['load.mjs'], app);
  run(process.execPath, ['load.cjs'], app);

  const uses = entries.flatMap(({ local, names }) => names.map((name) => `${local}.${name}`));
  for (const file of ['use.mts', 'use.cts']) {
    write(file, [...imports, `export const used = [${uses.join(', ')}];`]);
  }
  write('tsconfig.json', [
    JSON.stringify({
      compilerOptions: {
        target: 'ES2023',
        lib: ['ES2023', 'ESNext.Disposable'],
        module: 'NodeNext',
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        experimentalDecorators: true,
        typeRoots: [join(ROOT, 'node_modules/@types')],
        types: ['node'],
      },
      files: ['use.mts', 'use.cts'],
    }),
  ]);
  checkTypes(app);
}

/** @param {string} app */
function checkTypes(app) {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  let output = '';
  try {
    run(process.execPath, [tsc, '--pretty', 'false'], app);
  } catch (error) {
    output = String(/** @type {{ stdout?: unknown }} */ (error).stdout);
    if (!output.includes('error TS')) throw error;
  }
  // Declarations are checked too, since one that names a package the user lacks is `any` there. What is wrong in the
  // peers' own is not ours.
  const ours = output.split('\n').filter((line) => /^use\.|^node_modules\/nestjs-streaming\//.test(line));
  if (ours.length > 0) throw new Error(`The types do not hold for a user:\n${ours.join('\n')}`);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd) {
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
