import { afterAll, expect } from '@jest/globals';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError, type CancelScope, runScope } from 'nestjs-streaming';
import { type ProcessOptions, type ProcessResult, runProcess } from 'nestjs-streaming/process';
import { deferred, patience, withTimeout } from '../support/wait.js';

export const endless = 'while :; do sleep 0.05; done';

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'process-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a shell's script outside of any task. */
export async function shell(script: string, options: ProcessOptions = {}): Promise<ProcessResult> {
  const result = await runScope((scope) => runProcess(scope, 'sh', ['-c', script], options));
  return result!;
}

/** A script's process, and a scope around it that the test can cancel. */
export function startShell(script: string, options: ProcessOptions = {}) {
  const scope = deferred<CancelScope>();
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const output: ProcessOptions['output'] = (line) => {
    lines.push(line);
    for (const look of waiting) look();
  };
  const failure = deferred<unknown>();
  void runScope(async (inner) => {
    scope.resolve(inner);
    const ended = runProcess(inner, 'sh', ['-c', script], { output, ...options });
    await ended.catch(failure.resolve);
  });
  return {
    lines,
    scope: scope.promise,
    /** The first line that matches, when it has come. */
    line(pattern: RegExp): Promise<string> {
      const found = deferred<string>();
      const look = (): void => {
        const line = lines.find((candidate) => pattern.test(candidate));
        if (line !== undefined) found.resolve(line);
      };
      waiting.add(look);
      look();
      return withTimeout(
        found.promise,
        patience,
        () => `a line like ${String(pattern)}; so far: ${lines.join(' | ')}`,
      );
    },
    async cancel(): Promise<void> {
      const cancelled = await scope.promise;
      cancelled.cancel('test');
      const error = await failure.promise;
      expect(error).toBe(cancelled.signal.reason);
      expect(error).toBeInstanceOf(CancelledError);
    },
  };
}
