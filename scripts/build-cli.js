/**
 * Makes dist/cli.cjs, what `npx nestjs-streaming` runs. Part of `npm run build`.
 *
 * It is one file with all that it needs: who does not use it installs nothing for it. The licences of what is in it stand beside it.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { licencesOf, manifestOf } from './bundled-licences.js';

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

writeFileSync(
  join(ROOT, dirname(OUTPUT), 'cli.licences.txt'),
  licencesOf('cli.cjs', Object.keys(metafile.inputs)),
);
