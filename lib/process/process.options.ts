import type { Readable } from 'node:stream';
import { checkOptions, duration, mustBe, integer } from '../task/options/check-options.js';

/**
 * Gets the output of a process, line by line, in the async context of the call. The promise that it returns is awaited
 * before the next line is read: a slow listener slows the process down, and nothing piles up. An error that it throws, or
 * a promise that rejects, ends the process.
 *
 * @publicApi
 */
export type OutputListener = (line: string, stream: 'stdout' | 'stderr') => unknown;

/**
 * Where the output of a process goes.
 *
 * - `'events'`: each line becomes an event of the running task, of type `stdout` or `stderr`, with the line as its data
 * - `'collect'`: it is kept and handed over in the result
 * - `'ignore'`: it is read and thrown away
 * - a function: it gets each line
 *
 * @publicApi
 */
export type ProcessOutput = 'events' | 'collect' | 'ignore' | OutputListener;

/**
 * How `runProcess()` runs a program. All options have defaults.
 *
 * @publicApi
 */
export interface ProcessOptions {
  /** The working directory. Default: this process's. */
  readonly cwd?: string | URL | undefined;
  /** The whole environment, as for `spawn`. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Its standard input. A stream must give strings or bytes. Default: empty. */
  readonly input?: string | Uint8Array | Readable | undefined;
  /**
   * Where its output goes. Default: `'events'` in a task and the scopes inside it, `'ignore'` elsewhere. A line ends
   * with `\n`, `\r\n` or `\r`. A line of more than 16 384 characters comes in pieces. A line that is too long for an
   * event of the task (`maxEventBytes`, counted in JSON) comes in several events.
   */
  readonly output?: ProcessOutput | undefined;
  /** With `output: 'collect'`: most bytes of each stream; a process that writes more is ended. Default 10 485 760. */
  readonly maxOutput?: number | undefined;
  /** The exit codes that are no failure. Default `[0]`. */
  readonly exitCodes?: readonly number[] | undefined;
  /**
   * How long after SIGTERM the group gets SIGKILL, in milliseconds. Default 5 000. Keep it below the task's `grace`, or
   * the task is abandoned before.
   */
  readonly killDelay?: number | undefined;
}

/**
 * How a program ended, and its output if it was collected.
 *
 * @publicApi
 */
export interface ProcessResult {
  /** One of `exitCodes`. */
  readonly exitCode: number;
  /** With `output: 'collect'` what it wrote, as UTF-8; else empty. */
  readonly stdout: string;
  readonly stderr: string;
}

export function checkProcessOptions(options: ProcessOptions): void {
  checkOptions('runProcess()', options, {
    cwd: mustBe('a path or a file URL', (value) => typeof value === 'string' || value instanceof URL),
    env: mustBe('an object of strings', (value) => typeof value === 'object' && value !== null),
    input: mustBe(
      'a string, bytes or a readable stream',
      (value) => typeof value === 'string' || ArrayBuffer.isView(value) || isReadable(value),
    ),
    output: mustBe(
      '"events", "collect", "ignore" or a function',
      (value) => typeof value === 'function' || ['events', 'collect', 'ignore'].includes(value as string),
    ),
    maxOutput: integer(0),
    exitCodes: mustBe(
      'an array of exit codes',
      (value) => Array.isArray(value) && value.every((code) => integer(0, 255)(code) === undefined),
    ),
    killDelay: duration,
  });
}

function isReadable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'pipe' in value && typeof value.pipe === 'function';
}
