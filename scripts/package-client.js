/**
 * The client is for pages: it is small, loads nothing of Nest or Node, and its declarations need the types of neither.
 *
 * Part of `npm run check:package`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** Minified and compressed, with the parser, in bytes. */
const MOST_BYTES = 6 * 1_024;

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
  run(join(app, 'node_modules/esbuild/bin/esbuild'), ['size.js', ...bundle], folder);
  const bytes = gzipSync(readFileSync(join(folder, 'bundle.js')), { level: 9 }).length;
  if (bytes > MOST_BYTES) throw new Error(`nestjs-streaming/client has ${bytes} bytes, of ${MOST_BYTES}`);
  console.log(`nestjs-streaming/client has ${bytes} bytes, minified and compressed.`);
}
