import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { TaskContext } from 'nestjs-streaming';
import { z } from 'zod';
import { createTaskApp, handlerTask } from '../../support/app.js';
import { documentOf } from './support/documents.js';

const run = promisify(execFile);

/** What an application would write with the client: compiled against its types, so they are part of the test. */
const program = `
import { client } from './client.gen.js';
import {
  streamingControllerCancelTask as cancel,
  streamingControllerStartTask as start,
  streamingControllerStatus as status,
  streamingControllerWatch as watch,
} from './index.js';

declare const process: { readonly argv: string[] };
client.setConfig({ baseUrl: process.argv[2]! });

const type = { app: 'test', name: 'Report' };
const started = await start({ path: type, body: { month: 'may', copies: 2 } });
if (!started.data) throw new Error(started.error.message);
const path = { ...type, id: started.data.id };

const events: (string | undefined)[] = [];
const { stream } = await watch({ path, onSseEvent: ({ event }) => events.push(event) });
let cancelled: unknown;
for await (const _ of stream) {
  if (events.at(-1) === 'progress') cancelled = (await cancel({ path, query: { detail: 'enough' } })).data;
  if (events.at(-1) === 'cancelled') break;
}

const ended = await status({ path });
const again = await cancel({ path });
const refused = await start({
  path: type,
  // @ts-expect-error a number is no month
  body: { month: 5 },
});
console.log(
  JSON.stringify({
    started: started.data.status,
    events,
    cancelled,
    ended: [ended.data?.status, ended.data?.cancellation?.detail],
    again: again.error && 'code' in again.error ? again.error.code : undefined,
    refused: refused.error && 'code' in refused.error ? refused.error.code : undefined,
  }),
);
`;

const compilerOptions = {
  target: 'ES2023',
  lib: ['ES2023', 'DOM', 'DOM.Iterable'],
  types: [],
  module: 'NodeNext',
  strict: true,
  skipLibCheck: true,
};

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestjs-streaming-client-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a client that is generated from the OpenAPI document', () => {
  it('starts, watches and cancels a task, with types that hold', async () => {
    const report = handlerTask(
      async (task: TaskContext) => {
        await task.progress({ percent: 1 });
        await task.waitFor(new Promise<never>(() => {}));
      },
      { name: 'Report', input: z.object({ month: z.string(), copies: z.int().positive().default(1) }) },
    );
    const { app, origin } = await createTaskApp({ tasks: [report], options: { http: { start: true } } });

    const inFolder = (file: string) => join(folder, file);
    await writeFile(inFolder('openapi.json'), JSON.stringify(documentOf(app, '3.1.1')));
    await writeFile(inFolder('package.json'), '{ "type": "module" }');
    const generated = [
      '-i',
      inFolder('openapi.json'),
      '-o',
      inFolder('client'),
      '-c',
      '@hey-api/client-fetch',
    ];
    await node('@hey-api/openapi-ts/bin/run.js', ...generated, '--silent', '--no-log-file');
    await writeFile(inFolder('client/program.ts'), program);
    await writeFile(inFolder('tsconfig.json'), JSON.stringify({ compilerOptions, include: ['client'] }));
    await node('typescript/bin/tsc', '-p', folder);
    const { stdout } = await run(process.execPath, [inFolder('client/program.js'), origin]);

    expect(JSON.parse(stdout)).toEqual({
      started: 'pending',
      events: ['started', 'progress', 'cancelled'],
      cancelled: { cancelled: true, status: 'cancelling' },
      ended: ['cancelled', 'enough'],
      again: 'TASK_ENDED',
      refused: 'INVALID_INPUT',
    });
  }, 120_000);
});

/** Runs the program of a package, and fails with what it printed. */
async function node(script: string, ...args: string[]): Promise<void> {
  try {
    await run(process.execPath, [resolve('node_modules', script), ...args]);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${script}:\n${stdout}\n${stderr}`, { cause: error });
  }
}
