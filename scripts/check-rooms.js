/**
 * Holds who may import whom (ARCHITECTURE.md). Part of `npm run lint`.
 *
 * A room is a folder or a single file directly under lib/. The linter's own rule for forbidden imports sees only the
 * text of an import; here every relative import is resolved, so that a subfolder is no way around, and what is not
 * allowed is forbidden, so that a new room has to be entered here first. From most rooms others may import only the files
 * that are public.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGE = 'nestjs-streaming';

/** Each room may import those above it. */
const ROOMS = [
  'cancellation',
  'internals',
  'task',
  'log',
  'streaming.options.ts',
  'resolve-options.ts',
  'task-types',
  'run',
  'engine',
  'coordinator',
  'http',
  'streaming.module-definition.ts',
  'streaming.module.ts',
  'index.ts',
];

/**
 * Rooms beside the others, each an entry point of its own: what they may import. None imports another of them, but for the
 * views on the client, and nothing else imports them.
 *
 * @type {Record<string, string[] | undefined>}
 */
const ENTRY_POINTS = {
  ai: ['client', 'react'],
  bullmq: ROOMS.slice(0, ROOMS.indexOf('http')),
  cli: ['client'],
  client: [],
  dashboard: ROOMS.slice(0, ROOMS.indexOf('streaming.module-definition.ts')),
  postgres: ['cancellation', 'task'],
  process: ['cancellation', 'task'],
  react: ['client'],
  rxjs: ['cancellation'],
  testing: ['cancellation', 'task', 'streaming.options.ts', 'engine', 'coordinator', 'streaming.module.ts'],
  worker: ['cancellation', 'task'],
};

/** For browsers: nothing of Node. */
const WITHOUT_NODE = ['ai', 'client', 'react'];
/** But for what Node alone loads. */
const FOR_NODE = ['lib/ai/node.ts'];

/**
 * Packages that are for some entry points alone: of the optional peers only their users have them.
 *
 * @type {Record<string, string[] | undefined>}
 */
const ONLY_IN = {
  '@ai-sdk/react': ['ai'],
  '@preact/signals': ['dashboard'],
  ai: ['ai'],
  bullmq: ['bullmq'],
  commander: ['cli'],
  'eventsource-parser': ['client'],
  ioredis: ['bullmq'],
  'json-schema-to-typescript-lite': ['cli'],
  'log-update': ['cli'],
  pg: ['postgres'],
  piscina: ['worker'],
  preact: ['dashboard'],
  react: ['ai', 'react'],
};

/**
 * The packages that a room may import, where that is not all that package.json declares.
 *
 * @type {Record<string, string[] | undefined>}
 */
const PACKAGES = {
  ai: ['@ai-sdk/react', 'ai', 'react'],
  cancellation: [],
  cli: ['commander', 'json-schema-to-typescript-lite', 'log-update'],
  client: ['eventsource-parser'],
  process: [],
  react: ['react'],
};

/**
 * Options name ports that rooms below declare, and a run is a view of itself. `import type` is gone when the code runs, so nothing of them is loaded.
 *
 * @type {Record<string, string[] | undefined>}
 */
const TYPES_FROM_BELOW = {
  client: ['cancellation', 'task'],
  engine: ['coordinator'],
  run: ['engine'],
  'streaming.options.ts': ['coordinator', 'engine', 'http'],
};

/**
 * The files of a room that other rooms may import, without their `.ts`. A room that is not here is open.
 *
 * @type {Record<string, string[] | undefined>}
 */
const PUBLIC_FILES = {
  cancellation: words(`
    abort-error async-context cancel-reason errors index is-cancellation promises read-error
    scope/cancel-scope scope/run-external scope/scope-body scope/scope-host scope/scope-node scope/when-cancelled
    time/backoff time/clock time/countdown time/timer
  `),
  coordinator: words(`
    coordinator-shutdown coordinator.options coordinator.service engine.hooks shutdown.hooks task-handle
  `),
  engine: words(`
    engine-factory new-task soon task-engine task-view
    listeners/listener-delivery
    local/local-engine local/task-store
  `),
  http: words(`
    stream-paths streaming-controller.factory streaming-http.service streaming.controller task-streams
    access/task-access access/task-authorizer
    errors/streaming-exception.filter
    openapi/describe-streams openapi/task-inputs
    request/http-exchange request/json-body
    stream/stream-connections stream/output/abort-response stream/output/end-connection stream/output/http2-sessions
  `),
  run: words(`
    describe-error public-error run-host run-reporter task-history task-run
    cancel/external-signals
    handler/signal-inbox
    outcome/terminal-event
  `),
  'task-types': words(`
    find-task-types input/dto-schema input/task-input task-listener task-listener.registry task-type task-type.explorer task-type.registry
  `),
};

/**
 * Who alone may import a folder, where that is not all rooms below it. All others know a task by its view.
 *
 * @type {Record<string, string[]>}
 */
const IMPORTED_ONLY_BY = {
  'lib/run/': ['engine', 'bullmq', 'dashboard'],
  'lib/engine/local/': ['testing', 'streaming.module.ts'],
};

/**
 * Files that another room imports.
 *
 * @type {Set<string>}
 */
const imported = new Set();

const complaints = [
  ...checkLibrary(),
  ...checkPublicFiles(),
  ...checkUsers('sample'),
  ...checkUsers('bench'),
];
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;

/** @returns {string[]} */
function checkLibrary() {
  return sourcesOf('lib').flatMap((file) => {
    const room = roomOf(file);
    if (!ROOMS.includes(room) && !ENTRY_POINTS[room])
      return [`${file}: lib/${room} is no room that scripts/check-rooms.js knows`];
    return importsOf(file).flatMap(({ specifier, typeOnly, line }) => {
      const fault = faultOf(file, room, specifier, typeOnly);
      return fault === undefined ? [] : [`${file}:${line}: ${fault}`];
    });
  });
}

/**
 * Samples and benchmarks import the package by its name, as its users do.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function checkUsers(folder) {
  return sourcesOf(folder).flatMap((file) =>
    importsOf(file)
      .filter(({ specifier }) => specifier.startsWith('.'))
      .filter(({ specifier }) => /^(lib|dist)\//.test(targetOf(file, specifier)))
      .map(({ specifier, line }) => `${file}:${line}: "${specifier}" must be imported as "${PACKAGE}"`),
  );
}

/**
 * @param {string} file
 * @param {string} room
 * @param {string} specifier
 * @param {boolean} typeOnly
 * @returns {string | undefined}
 */
function faultOf(file, room, specifier, typeOnly) {
  if (!specifier.startsWith('.')) {
    if (specifier === PACKAGE || specifier.startsWith(`${PACKAGE}/`)) {
      return `"${specifier}" is this package: import the file itself`;
    }
    const only = ONLY_IN[packageOf(specifier)] ?? [room];
    if (!only.includes(room)) return `only lib/${only.join(' and ')} may import "${specifier}"`;
    if (isBuiltin(specifier)) {
      return WITHOUT_NODE.includes(room) && !FOR_NODE.includes(file)
        ? `lib/${room} may import nothing of Node ("${specifier}")`
        : undefined;
    }
    if (PACKAGES[room]?.includes(packageOf(specifier)) ?? true) return undefined;
    return `lib/${room} may not import this package ("${specifier}")`;
  }
  const target = targetOf(file, specifier);
  if (!target.startsWith('lib/')) return `"${specifier}" leads out of lib/`;
  const targetRoom = roomOf(target);
  if (targetRoom === room) return undefined;
  if (!mayImport(room).includes(targetRoom)) {
    if (!TYPES_FROM_BELOW[room]?.includes(targetRoom))
      return `lib/${room} may not import lib/${targetRoom} ("${specifier}")`;
    if (!typeOnly) return `lib/${room} may import types only from lib/${targetRoom} ("${specifier}")`;
  }
  imported.add(target);
  for (const [folder, rooms] of Object.entries(IMPORTED_ONLY_BY)) {
    if (target.startsWith(folder) && !rooms.includes(room))
      return `${folder} may be imported only from ${rooms.join(' and ')} ("${specifier}")`;
  }
  const files = publicFilesOf(targetRoom);
  if (files === undefined || files.includes(target)) return undefined;
  return `${target} is not a public file of lib/${targetRoom} (PUBLIC_FILES in scripts/check-rooms.js)`;
}

/**
 * What nobody imports any more is no longer public.
 *
 * @returns {string[]}
 */
function checkPublicFiles() {
  return Object.keys(PUBLIC_FILES)
    .flatMap((room) => publicFilesOf(room) ?? [])
    .filter((file) => !imported.has(file))
    .map((file) => `${file}: no other room imports it, so it is no public file (scripts/check-rooms.js)`);
}

/**
 * @param {string} room
 * @returns {string[] | undefined} their paths
 */
function publicFilesOf(room) {
  return PUBLIC_FILES[room]?.map((file) => `lib/${room}/${file}.ts`);
}

/** @param {string} text */
function words(text) {
  return text.trim().split(/\s+/);
}

/**
 * @param {string} room
 * @returns {string[]}
 */
function mayImport(room) {
  return ENTRY_POINTS[room] ?? ROOMS.slice(0, ROOMS.indexOf(room));
}

/** @param {string} specifier */
function packageOf(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/**
 * Every module a file names: imports, re-exports, `import()`, `import('…')` types, `require`.
 *
 * @param {string} file
 */
function importsOf(file) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const { statements } = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  const typeOnly = statements.filter(isTypeOnly);
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => ({
    specifier: fileName,
    typeOnly: typeOnly.some((statement) => statement.pos <= pos && pos < statement.end),
    line: text.slice(0, pos).split('\n').length,
  }));
}

/** @param {import('typescript').Statement} statement */
function isTypeOnly(statement) {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  return (
    ts.isImportDeclaration(statement) && statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
  );
}

/**
 * @param {string} file
 * @param {string} specifier
 */
function targetOf(file, specifier) {
  const path = relative(ROOT, resolve(ROOT, dirname(file), specifier)).replaceAll(sep, '/');
  return path.replace(/\.js$/, '.ts');
}

/** @param {string} path */
function roomOf(path) {
  return path.split('/')[1] ?? '';
}

/** @param {string} folder */
function sourcesOf(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((entry) => `${folder}/${entry.replaceAll(sep, '/')}`)
    .filter((path) => /\.[cm]?[jt]sx?$/.test(path) && !/(^|\/)(node_modules|dist)\//.test(path));
}
