/**
 * Makes dist/cli.cjs, what `npx nestjs-streaming` runs. Part of `npm run build`.
 *
 * It is one file with all that it needs: who does not use it installs nothing for it. The licences of what is in it stand beside it.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = 'dist/cli.cjs';

const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ['lib/cli/main.ts'],
  outfile: OUTPUT,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  define: { PACKAGE_VERSION: JSON.stringify(manifestOf('.').version) },
  banner: { js: '#!/usr/bin/env node' },
  legalComments: 'none',
  // Stack traces are read, and the file is no library.
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: 'warning',
  metafile: true,
});

const packages = new Set(
  Object.keys(metafile.inputs).flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []),
);
const licences = [...packages].toSorted().map((folder) => {
  const { name, version } = manifestOf(folder);
  const file = readdirSync(join(ROOT, folder)).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) throw new Error(`${folder} has no licence`);
  return `${name} ${version}\n\n${readFileSync(join(ROOT, folder, file), 'utf8').trim()}\n`;
});
writeFileSync(
  join(ROOT, dirname(OUTPUT), 'cli.licences.txt'),
  `cli.cjs contains these packages.\n\n${licences.join('\n---\n\n')}`,
);

/** @param {string} folder */
function manifestOf(folder) {
  const text = readFileSync(join(ROOT, folder, 'package.json'), 'utf8');
  return /** @type {{ name: string, version: string }} */ (JSON.parse(text));
}
