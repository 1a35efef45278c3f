/**
 * The client is for pages: it is small, loads nothing of Nest or Node, and its declarations need the types of neither.
 *
 * Part of `npm run check:package`.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** Minified and compressed, with the parser, in bytes. */
const MOST_BYTES = 6 * 1_024;
/** With what `shareTabs` loads. */
const MOST_BYTES_SHARED = 10 * 1_024;

const TSC = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

/**
 * @param {string} app where the package is installed with esbuild
 * @param {(command: string, args: string[], cwd: string) => string} run
 */
export function checkClient(app, run) {
  const folder = join(app, 'page');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'page.ts'),
    `import { createStreamingClient, type RunEvent } from 'nestjs-streaming/client';
const run = createStreamingClient({ baseUrl: '/stream', fetch: window.fetch }).task('app', 'Task').attach('one');
run.subscribe(() => (document.title = run.connection));
export const events: AsyncIterable<RunEvent> = run;
`,
  );
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        lib: ['es2022', 'dom'],
        module: 'ESNext',
        moduleResolution: 'bundler',
        types: [],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
      },
      files: ['page.ts'],
    }),
  );
  run(process.execPath, [TSC], folder);

  writeFileSync(
    join(folder, 'size.js'),
    "export { createStreamingClient } from 'nestjs-streaming/client';\n",
  );
  const bundle = ['--bundle', '--minify', '--format=esm', '--outfile=bundle.js', '--log-level=error'];
  // For a browser: esbuild finds no module of Node there.
  const esbuild = join(app, 'node_modules/esbuild/bin/esbuild');
  /** @param {number} most @param {string[]} options */
  const sizeOf = (most, ...options) => {
    run(esbuild, ['size.js', ...bundle, ...options], folder);
    const bytes = gzipSync(readFileSync(join(folder, 'bundle.js')), { level: 9 }).length;
    if (bytes > most) throw new Error(`nestjs-streaming/client has ${bytes} bytes, of ${most}`);
    return bytes;
  };
  const bytes = sizeOf(MOST_BYTES, '--external:*/share/share-tabs.js');
  const withTabs = sizeOf(MOST_BYTES_SHARED);
  checkBrowserFile(app, run);
  console.log(
    `nestjs-streaming/client has ${bytes} bytes, minified and compressed; ${withTabs} with shareTabs.`,
  );
}

/**
 * The one file for pages without a bundler has all that the client has, and needs no other but for `shareTabs`.
 *
 * @param {string} app
 * @param {(command: string, args: string[], cwd: string) => string} run
 */
function checkBrowserFile(app, run) {
  writeFileSync(
    join(app, 'browser.mjs'),
    `import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as client from 'nestjs-streaming/client';
// In an empty folder there is nothing that it could import.
copyFileSync(fileURLToPath(import.meta.resolve('nestjs-streaming/client/browser.js')), process.argv[2]);
const alone = await import(process.argv[2]);
if (Object.keys(alone).join() !== Object.keys(client).join()) throw new Error('Not the exports of the client');
alone.createStreamingClient({ baseUrl: 'http://127.0.0.1/stream' });
`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'browser-'));
  try {
    run(process.execPath, ['browser.mjs', join(folder, 'client.mjs')], app);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
