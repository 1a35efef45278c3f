/**
 * The hooks, as a page has them that has nothing of Nest: on each supported React their declarations compile with those of
 * React, and they render.
 *
 * Part of `npm run check:package`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TSC = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

const PAGE = `import { createStreamingClient } from 'nestjs-streaming/client';
import { StreamingProvider, useStartTask, useTask, useTasks } from 'nestjs-streaming/react';

interface Tasks {
  media: { TranscodeTask: { input: { path: string }; result: { url: string }; events: { probe: { codec: string } } } };
}
const client = createStreamingClient<Tasks>({ baseUrl: 'http://127.0.0.1/stream' });
const transcode = client.task('media', 'TranscodeTask');

export function Transcode({ id }: { id: string | null }) {
  const task = useTask(transcode, id, {
    initial: '',
    reduce: (codec: string, event) => (event.type === 'probe' ? event.data.codec : codec),
  });
  const start = useStartTask(transcode);
  const page = useTasks({ status: 'running' });
  const url: string | undefined = task.outcome?.status === 'completed' ? task.outcome.value.url : undefined;
  return (
    <button onClick={() => void start.run({ path: '/a' })}>
      {task.connection} {task.state} {url} {page.items.length}
    </button>
  );
}

export const app = (
  <StreamingProvider client={client}>
    <Transcode id="one" />
  </StreamingProvider>
);
`;

/**
 * @param {string} work
 * @param {string} react
 * @param {string} tarball
 * @param {(command: string, args: string[], cwd: string) => string} run
 */
export function checkReact(work, react, tarball, run) {
  const app = join(work, `react-${react}`);
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }');
  const types = `@types/react@${react.split('.')[0]}`;
  const packages = [tarball, `react@${react}`, `react-dom@${react}`, types];
  run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...packages],
    app,
  );
  writeFileSync(join(app, 'page.tsx'), PAGE);
  writeFileSync(
    join(app, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        lib: ['es2022', 'dom'],
        module: 'ESNext',
        moduleResolution: 'bundler',
        jsx: 'react-jsx',
        types: [],
        strict: true,
        skipLibCheck: false,
      },
      files: ['page.tsx'],
    }),
  );
  run(process.execPath, [TSC], app);
  writeFileSync(
    join(app, 'render.js'),
    "import { renderToString } from 'react-dom/server';\nimport { app } from './page.js';\nconsole.log(renderToString(app));\n",
  );
  const html = run(process.execPath, ['render.js'], app).replaceAll('<!-- -->', '').trim();
  if (html !== '<button>idle   0</button>') throw new Error(`React ${react} rendered ${html}`);
}
