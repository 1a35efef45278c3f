/**
 * Makes dist/client/browser.js: the client and its parser as one ES module, for pages without a bundler. With `shareTabs` alone it
 * loads more: the modules in dist/client/share.
 * Part of `npm run build`, behind the CommonJS build, which needs none of it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const FOLDER = fileURLToPath(new URL('../dist/client/', import.meta.url));
const PARSER = new URL('../node_modules/eventsource-parser/LICENSE', import.meta.url);

// A page gets the file alone, so the licence of what is in it stands there.
const licence = (await readFile(PARSER, 'utf8')).trim();

await build({
  entryPoints: [join(FOLDER, 'index.js')],
  outfile: join(FOLDER, 'browser.js'),
  bundle: true,
  external: ['*/share/share-tabs.js'],
  minify: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  banner: { js: `/* Contains eventsource-parser.\n\n${licence}\n*/` },
  logLevel: 'warning',
});
await writeFile(join(FOLDER, 'browser.d.ts'), "export * from './index.js';\n");
