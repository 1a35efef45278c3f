/** `npx nestjs-streaming`: the command line. It is bundled into one file: see scripts/build-cli.js. */
import { CommanderError } from 'commander';
import { StreamingConnectionError, StreamingRequestError, TaskGoneError } from '../client/index.js';
import {
  isGone,
  messageOf,
  ServerAnswerError,
  StartRefusedError,
  UnreachableError,
  UsageError,
} from './errors.js';
import { exitCodes } from './exit-codes.js';
import { JsonView } from './output/json-view.js';
import { plainLines, showsColours, Style } from './output/style.js';
import { TerminalView } from './output/terminal-view.js';
import { createProgram } from './program.js';

/** Filled in by the build. */
declare const PACKAGE_VERSION: string;

async function main(): Promise<void> {
  const { env, stdout } = process;
  // Whoever reads the output may have enough of it.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.completed);
  });
  // A terminal that does not know its size, as one that a program has made.
  if (stdout.isTTY && (stdout.columns === 0 || stdout.rows === 0)) [stdout.columns, stdout.rows] = [80, 24];
  const program = createProgram(
    {
      version: PACKAGE_VERSION,
      env,
      view: (json) =>
        json || !stdout.isTTY
          ? new JsonView((text) => stdout.write(text))
          : new TerminalView(stdout, new Style(showsColours(true, env))),
    },
    (code) => (process.exitCode = code),
  );
  program.exitOverride();
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = codeOf(error);
    // Commander has written its own.
    if (error instanceof CommanderError) return;
    process.stderr.write(`${plainLines(describe(error))}\n`, () => {
      // It is still being asked.
      if (error instanceof UnreachableError) process.exit();
    });
  }
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.completed : exitCodes.usage;
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof TaskGoneError || isGone(error)) return exitCodes.gone;
  if (isKnown(error)) return exitCodes.refused;
  return exitCodes.failed;
}

function isKnown(error: unknown): boolean {
  return [
    ServerAnswerError,
    StartRefusedError,
    StreamingRequestError,
    StreamingConnectionError,
    UnreachableError,
    UsageError,
    TaskGoneError,
  ].some((known) => error instanceof known);
}

function describe(error: unknown): string {
  if (isKnown(error) || !(error instanceof Error)) return messageOf(error);
  return error.stack ?? error.message;
}

void main();
