import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as face from 'nestjs-streaming/ai';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import * as ofNode from '../../lib/ai/node.js';
import { ROOT } from '../docs/support/documents.js';
import { InstalledPackage } from '../support/programs/installed.js';

it('has the same names for a bundler and for Node', () => {
  const names = ['TaskChatTransport', 'sendUIMessageStream', 'useTaskChat'];
  expect(Object.keys(face).toSorted()).toEqual(names);
  expect(Object.keys(ofNode).toSorted()).toEqual(names);
});

describe('nestjs-streaming/ai', () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = new InstalledPackage(['ai', 'client', 'react'], ['eventsource-parser']);
  });
  afterAll(() => installed[Symbol.dispose]());

  it('is loaded by a server without React and without the AI SDK, which are asked for by the hook alone', async () => {
    const { stdout, stderr } = await installed.run(`
      import { sendUIMessageStream, useTaskChat } from 'nestjs-streaming/ai';
      const sent = [];
      const stream = new ReadableStream({ start(c) { c.enqueue({ type: 'start' }); c.close(); } });
      const signal = new AbortController().signal;
      await sendUIMessageStream({ id: 'one', input: {}, signal, sendEvent: async (...event) => sent.push(event) }, stream);
      let missing;
      try { useTaskChat({}); } catch (error) { missing = error.code; }
      console.log(JSON.stringify(sent), missing);
    `);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\[\["part",\{"type":"start","messageId":"one"\}\]\] \S*MODULE_NOT_FOUND\n$/);
  });

  it('is bundled for a page without Nest and Node', () => {
    const page = installed.write('page.js', "export { useTaskChat } from 'nestjs-streaming/ai';\n");
    const options = [
      '--bundle',
      '--format=esm',
      '--metafile=meta.json',
      '--outfile=bundle.js',
      '--log-level=error',
    ];
    // For a browser: a module of Node would be an error.
    const foreign = ['--external:react', '--external:ai', '--external:@ai-sdk/react'];
    execFileSync(join(ROOT, 'node_modules/.bin/esbuild'), [page, ...options, ...foreign], {
      cwd: installed.path,
    });
    const server = installed.write(
      'server.js',
      "export { sendUIMessageStream } from 'nestjs-streaming/ai';\n",
    );
    const text = execFileSync(
      join(ROOT, 'node_modules/.bin/esbuild'),
      [server, '--bundle', '--platform=node', '--format=esm', '--log-level=error', ...foreign],
      { cwd: installed.path, encoding: 'utf8' },
    );
    expect(text).toContain('sendUIMessageStream');
    expect(text).not.toMatch(/from "(?:react|ai|@ai-sdk\/react)"/);
  });
});
