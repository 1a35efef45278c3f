import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');

/** A program of a page as one module: its sources, those of this package, and what it imports. */
export function bundle(entry: string): string {
  const options = ['--bundle', '--format=esm', '--target=es2022', '--log-level=error'];
  return execFileSync(
    join(ROOT, 'node_modules/.bin/esbuild'),
    [entry, ...options, '--define:process.env.NODE_ENV="development"'],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1_024 * 1_024 },
  );
}
