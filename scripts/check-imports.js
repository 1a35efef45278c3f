/**
 * Every package that a file imports must be declared in package.json. npm lays the packages of packages beside ours, where
 * an import finds them by luck; pnpm does not. Part of `npm run lint`.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['lib', 'sample', 'scripts', 'test'];

/** Files for other projects, pages for browsers, and what is built or installed. */
const FOREIGN = /^scripts\/projects\/|^sample\/[^/]+\/public\/|(?:^|\/)(?:dist|node_modules)\//;

const manifest = /** @type {Record<string, Record<string, string> | undefined>} */ (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
);
const declared = new Set(
  ['dependencies', 'devDependencies', 'peerDependencies'].flatMap((kind) =>
    Object.keys(manifest[kind] ?? {}),
  ),
);

for (const file of FOLDERS.flatMap(sourcesOf)) {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), 'utf8'), true, true);
  for (const { fileName } of importedFiles) {
    const name = packageOf(fileName);
    if (name === undefined || declared.has(name) || declared.has(`@types/${name}`)) continue;
    console.error(`${file}: "${name}" is not declared in package.json`);
    process.exitCode = 1;
  }
}

/**
 * @param {string} specifier
 * @returns {string | undefined}
 */
function packageOf(specifier) {
  if (/^(?:\.|[a-z]+:)/.test(specifier) || isBuiltin(specifier)) return undefined;
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return name === 'nestjs-streaming' ? undefined : name;
}

/** @param {string} folder */
function sourcesOf(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll(sep, '/')}`)
    .filter((file) => /\.[cm]?[jt]s$/.test(file) && !FOREIGN.test(file));
}
