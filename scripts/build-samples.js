/** Builds all samples, at the same time. `npm run build:sample`; needs a build of the package in dist/. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run-command.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

const COMMANDS = [
  'nest build',
  'nest build 02-structured-concurrency',
  'nest build 03-many-instances',
  'npm run build:react',
];

await Promise.all(COMMANDS.map((command) => runCommand(ROOT, command.split(' '))));
