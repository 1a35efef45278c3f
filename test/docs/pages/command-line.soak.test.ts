import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskSnapshot } from 'nestjs-streaming/client';
import { QuickStart } from '../../sample/quick-start.js';
import { describeMissing } from '../../support/programs/missing.js';
import { eventually } from '../../support/wait.js';
import { page, ROOT } from '../support/documents.js';
import { sessionOf, Shell } from '../support/shell.js';

/** A project in which the package is installed, as far as `npx` needs it. */
function createProject(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'command-line-'));
  const bin = join(path, 'node_modules/.bin');
  const dist = join(path, 'node_modules/nestjs-streaming/dist');
  for (const folder of [bin, dist]) mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, 'dist/cli.cjs'), join(dist, 'cli.cjs'));
  chmodSync(join(dist, 'cli.cjs'), 0o755);
  symlinkSync('../nestjs-streaming/dist/cli.cjs', join(bin, 'nestjs-streaming'));
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Every epoch and every time is the same. */
function normal(text: string): string {
  return text
    .replaceAll(/"id":"[a-z0-9]+-(?=[0-9]+")/g, '"id":"epoch-')
    .replaceAll(/"[0-9]{4}-[0-9T:.-]+Z"/g, '"time"');
}

function suite(): void {
  test('each command prints what it says', async () => {
    await using app = await QuickStart.start();
    using project = createProject();
    // npm hands its settings to what it runs; `npx` must not take them for its own.
    const own = Object.entries(process.env).filter(([name]) => !/^(?:npm_|STREAMING_)/.test(name));
    const env = { ...Object.fromEntries(own), npm_config_update_notifier: 'false' };
    using shell = new Shell(project.path, env);
    for (const { command, output } of sessionOf(page('command-line').block('session', 'breakfast').text)) {
      // Whoever asks how the task stands has given it the time to come there.
      if (command.includes(' status ')) {
        await eventually(async () => {
          const { body } = await app.request<TaskSnapshot>(
            'GET',
            '/stream/app/CountdownTask/breakfast/status',
          );
          expect(body.progress).toHaveProperty('waitingFor');
        });
      }
      const done = await shell.run(command.replace('localhost:3000', new URL(app.url).host));
      expect(`$ ${command}\n${normal(done.output)}`).toBe(`$ ${command}\n${normal(output)}`);
    }
  });
}

if (spawnSync('jq', ['--version']).error === undefined) describe('the session of the command line', suite);
else
  describeMissing(
    'the session of the command line',
    'The session of the command line needs jq: apt-get install jq',
  );
