import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const build = join(import.meta.dirname, '../../../scripts/build-dashboard.js');

/** In place of lib/dashboard/page-files.ts: the page, bundled from its sources. In a process, as esbuild does not run in Jest's realm. */
export const pageFiles = JSON.parse(
  execFileSync(process.execPath, [build, '--print'], { encoding: 'utf8' }),
) as { readonly script: string; readonly style: string };
