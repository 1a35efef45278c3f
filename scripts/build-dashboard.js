/**
 * Puts the page of the dashboard into dist/: its script and its style, bundled, minified and compressed, as text in a module. Part of
 * `npm run build`. With `--print` it writes the module to the standard output, for tests of the sources.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { licencesOf } from './bundled-licences.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = 'lib/dashboard/page/';
const MODULE = fileURLToPath(new URL('../dist/dashboard/page-files.js', import.meta.url));

/** The script and the style, compressed, in bytes. The page itself has 1 KiB more. */
const MOST_BYTES = 59 * 1_024;

const script = await bundle('main.tsx');
const style = await bundle('page.css');
const bytes = script.gzipped.length + style.gzipped.length;
if (bytes > MOST_BYTES) throw new Error(`The dashboard has ${bytes} bytes, of ${MOST_BYTES}`);

const files = { script: script.gzipped.toString('base64'), style: style.gzipped.toString('base64') };
if (process.argv.includes('--print')) process.stdout.write(JSON.stringify(files));
else {
  const text = readFileSync(MODULE, 'utf8');
  const filled = text.replace('%script%', files.script).replace('%style%', files.style);
  if (filled.includes('%')) throw new Error(`${MODULE} has no place for the page`);
  writeFileSync(MODULE, filled);
  writeFileSync(`${dirname(MODULE)}/page.licences.txt`, licencesOf('page-files.js', script.inputs));
  console.log(`The page of the dashboard has ${bytes} bytes, compressed.`);
}

/** @param {string} file */
async function bundle(file) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: [PAGE + file],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['chrome120', 'firefox120', 'safari17'],
    tsconfig: `${PAGE}tsconfig.json`,
    legalComments: 'none',
    logLevel: 'error',
  });
  const [output] = outputFiles;
  if (!output) throw new Error(`${file} gave nothing`);
  return { gzipped: gzipSync(output.contents, { level: 9 }), inputs: Object.keys(metafile.inputs) };
}
