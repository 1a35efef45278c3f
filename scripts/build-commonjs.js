/**
 * Makes dist/commonjs/ from the ES modules in dist/. Part of `npm run build`.
 *
 * Node loads the ES modules, by `import` and by `require`. The CommonJS build is for a runtime that cannot `require` an
 * ES module: Jest without Node's flag for modules. package.json's "exports" picks one of them for a whole process, so
 * that no class exists twice (ARCHITECTURE.md).
 */
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

const ESM = fileURLToPath(new URL('../dist/', import.meta.url));
const COMMONJS = join(ESM, 'commonjs');

/** Loads files of the user's, which may be ES modules: its `import()` must not become `require()`. */
const KEEPS_IMPORT = 'worker/job-entry.js';

const scripts = readdirSync(ESM, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll(sep, '/'))
  .filter((file) => file.endsWith('.js') && !file.startsWith('commonjs/'));
await Promise.all(scripts.map(convert));
await Promise.all(scripts.filter((file) => /^(?:[\w-]+\/)?index\.js$/.test(file)).map(declare));
await write('package.json', `${JSON.stringify({ type: 'commonjs' })}\n`);

/** @param {string} script */
async function convert(script) {
  const text = readFileSync(join(ESM, script), 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n');
  const { code, map } = await transform(text, {
    filename: script,
    isModule: true,
    swcrc: false,
    jsc: { parser: { syntax: 'ecmascript' }, target: 'es2023' },
    module: { type: 'commonjs', ignoreDynamic: script === KEEPS_IMPORT },
    sourceMaps: true,
    inputSourceMap: readFileSync(join(ESM, `${script}.map`), 'utf8'),
  });
  await write(script, `${code}//# sourceMappingURL=${basename(script)}.map\n`);
  await write(`${script}.map`, moveMap(map ?? '', script));
}

/**
 * Makes the sources of a map, which are relative to a script of the ES modules, relative to that of this build.
 *
 * @param {string} text
 * @param {string} script
 */
function moveMap(text, script) {
  const map = /** @type {{ sources: string[] }} */ (JSON.parse(text));
  const from = dirname(join(ESM, script));
  const to = dirname(join(COMMONJS, script));
  const sources = map.sources.map((source) => relative(to, join(from, source)).replaceAll(sep, '/'));
  return JSON.stringify({ ...map, sources });
}

/**
 * The declarations stay one set too: a class with private fields that is declared twice would be two types.
 *
 * @param {string} script
 */
async function declare(script) {
  const declaration = script.replace(/js$/, 'd.ts');
  const from = relative(dirname(join(COMMONJS, script)), join(ESM, script)).replaceAll(sep, '/');
  await write(declaration, `export * from '${from}';\n`);
}

/**
 * @param {string} file
 * @param {string} text
 */
async function write(file, text) {
  const path = join(COMMONJS, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
