/**
 * Two builds are published, and one process must have one of them: whether files import the package, require it, or do both,
 * in Node and in a bundle. Also runs the CommonJS build, in a Node that cannot require ES modules.
 *
 * Part of `npm run check:package`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * As a user's bundler: in the bundle is this package, and outside are its peers. `nestjs-streaming/worker` cannot be in one: a
 * thread begins with a file of the package.
 */
const BUNDLE = [
  '--bundle',
  '--platform=node',
  '--external:@nestjs/*',
  '--external:rxjs',
  '--external:reflect-metadata',
  '--external:piscina',
  '--external:bullmq',
  '--external:ioredis',
  '--external:pg',
  '--external:react',
  '--external:ai',
  '--external:@ai-sdk/*',
  '--external:class-*',
  '--log-level=error',
];

/**
 * @param {string} app where the package is installed with esbuild and all optional peers
 * @param {string[]} specifiers the entry points
 * @param {(command: string, args: string[], cwd: string) => string} run
 */
export function checkCopies(app, specifiers, run) {
  writeProgram(app, specifiers);
  run(process.execPath, ['copies.mjs'], app);
  writeProgram(
    app,
    specifiers.filter((specifier) => !specifier.endsWith('/worker')),
  );
  const esbuild = join(app, 'node_modules/esbuild/bin/esbuild');
  for (const [format, bundle] of /** @type {const} */ ([
    ['cjs', 'bundle.cjs'],
    ['esm', 'bundle.mjs'],
  ])) {
    run(esbuild, ['copies.mjs', ...BUNDLE, `--format=${format}`, `--outfile=${bundle}`], app);
    run(process.execPath, [bundle], app);
  }
}

/**
 * A module that imports the package, and a CommonJS one that requires it: the exports must be the same.
 *
 * @param {string} app
 * @param {string[]} specifiers
 */
function writeProgram(app, specifiers) {
  const required = specifiers.map((specifier) => `'${specifier}': require('${specifier}'),`);
  const imports = specifiers.map((specifier, index) => `import * as entry${index} from '${specifier}';`);
  const checks = specifiers.map((specifier, index) => `check('${specifier}', entry${index});`);
  // What the main entry point has of others is the same.
  const main = specifiers.indexOf('nestjs-streaming');
  const shared = specifiers.flatMap((specifier, index) =>
    /\/(?:cancellation|task)$/.test(specifier)
      ? [`shared('${specifier}', entry${index}, entry${main});`]
      : [],
  );
  writeFileSync(join(app, 'required.cjs'), `exports.required = {\n${required.join('\n')}\n};\n`);
  writeFileSync(
    join(app, 'copies.mjs'),
    `import 'reflect-metadata';
import { required } from './required.cjs';
${imports.join('\n')}
function check(specifier, imported) {
  for (const [name, value] of Object.entries(imported)) {
    if (required[specifier][name] !== value) throw new Error(\`Two copies of \${name} of \${specifier}\`);
  }
}
function shared(specifier, part, main) {
  for (const [name, value] of Object.entries(part)) {
    if (main[name] !== value) throw new Error(\`\${name} of \${specifier} is another one than that of the main entry point\`);
  }
}
${[...checks, ...shared].join('\n')}
`,
  );
}

/**
 * @param {string} app where the package is installed with Nest 11 and all optional peers
 * @param {(command: string, args: string[], cwd: string) => string} run
 */
export function checkCommonJs(app, run) {
  writeFileSync(
    join(app, 'job.mjs'),
    'export default (n, job) => { job.throwIfCancelled(); return n * 2; };\n',
  );
  writeFileSync(
    join(app, 'commonjs.cjs'),
    `require('reflect-metadata');
const { join } = require('node:path');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { CoordinatorService, StreamingModule } = require('nestjs-streaming');
const { StreamTask } = require('nestjs-streaming/task');
const { runInWorker } = require('nestjs-streaming/worker');

if (!require.resolve('nestjs-streaming').includes('commonjs')) throw new Error('Not the CommonJS build');
class DoubleTask {
  process(task) {
    return runInWorker(task, join(__dirname, 'job.mjs'), task.input);
  }
}
StreamTask()(DoubleTask);
class AppModule {}
Module({ imports: [StreamingModule.forRoot()], providers: [DoubleTask] })(AppModule);

async function main() {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  const task = await app.get(CoordinatorService).start(DoubleTask, 21);
  const result = await task.result;
  await app.close();
  if (result !== 42) throw new Error('The task gave ' + result);
}
void main();
`,
  );
  run(process.execPath, ['--no-experimental-require-module', 'commonjs.cjs'], app);
}
