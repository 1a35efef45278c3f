import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { createTaskApp, handlerTask, type TaskApp } from '../support/app.js';
import { Cli } from './support.js';

const transcode = handlerTask(() => 1, {
  app: 'media',
  name: 'transcode',
  input: z.object({ path: z.string().describe('\u202eturned \u001b[31mred') }),
});

function serve(types = true): Promise<TaskApp> {
  return createTaskApp({ tasks: [transcode], options: { http: { types } } });
}

const declared =
  /^\/\/ Written by nestjs-streaming [\d.]+: npx nestjs-streaming types\n\nexport interface Tasks \{/;

describe('types', () => {
  it('writes a file with the type of the tasks', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'types-'));
    try {
      const out = join(folder, 'tasks.d.ts');
      const cli = new Cli(['types', '--out', out], await serve());
      expect([await cli.exit(), cli.stderr]).toEqual([0, '']);
      expect(cli.lines).toEqual([{ out, types: 1 }]);
      expect(readFileSync(out, 'utf8')).toMatch(declared);
      expect(readFileSync(out, 'utf8')).toMatch(/interface MediaTranscodeInput \{[^}]*path: string\s+\}/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('without a file prints it', async () => {
    const cli = new Cli(['types'], await serve());
    expect([await cli.exit(), cli.stderr]).toEqual([0, '']);
    expect(cli.stdout).toMatch(declared);
    expect(cli.stdout).toContain('\\u202eturned \\u001b[31mred');
  });

  it('says so where the server does not list them: exit code 5', async () => {
    const cli = new Cli(['types'], await serve(false));
    expect(await cli.exit()).toBe(5);
    expect(cli.stderr).toContain('set "http.types" to true');
    expect(cli.stdout).toBe('');
  });

  it('says so where the file cannot be written: exit code 2', async () => {
    const out = join(tmpdir(), 'no such folder', 'tasks.d.ts');
    const cli = new Cli(['types', '--out', out], await serve());
    expect(await cli.exit()).toBe(2);
    expect(cli.stderr).toContain(`--out ${out} cannot be written: ENOENT`);
  });
});
