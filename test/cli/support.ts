import { afterEach } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { eventually, withTimeout } from '../support/wait.js';

const bundle = join(import.meta.dirname, '../../dist/cli.cjs');

const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

export interface CliOptions {
  /** Of a server, for `STREAMING_URL`. */
  readonly url?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** For its standard input. Default: none. */
  readonly input?: string;
  /** Whether it runs on a terminal of its own. */
  readonly onTerminal?: boolean;
}

/** The command line as a process of its own. */
export class Cli {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  constructor(args: readonly string[], { url, env, input, onTerminal = false }: CliOptions = {}) {
    if (!existsSync(bundle)) throw new Error('The command line is not built: npm run build');
    const { NO_COLOR: _noColor, STREAMING_URL: _url, STREAMING_TOKEN: _token, ...rest } = process.env;
    const words = [bundle, ...args];
    // A shell that stays would take Ctrl-C, too, and dash ends by it.
    const [command, given] = onTerminal
      ? ['script', ['-qfec', `exec ${[process.execPath, ...words].map(quoted).join(' ')}`, '/dev/null']]
      : [process.execPath, words];
    this.child = spawn(command, given, {
      env: { ...rest, TERM: 'xterm', ...(url !== undefined && { STREAMING_URL: url }), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.#exit = once(this.child, 'close');
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    if (!onTerminal) this.child.stdin?.end(input ?? '');
  }

  /** What it has printed, as JSON. */
  get lines(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** What somebody types. */
  type(keys: string): void {
    this.child.stdin?.write(keys);
  }

  async prints(text: string | RegExp): Promise<void> {
    await eventually(() => (typeof text === 'string' ? this.stdout.includes(text) : text.test(this.stdout)));
  }

  /** @returns the exit code */
  async exit(): Promise<number | null> {
    const [code] = await withTimeout(this.#exit, 20_000, () => `the exit:\n${this.stdout}${this.stderr}`);
    return code as number | null;
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
