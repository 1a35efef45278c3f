import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually, patience, withTimeout } from '../../support/wait.js';

const program = fileURLToPath(new URL('../../fixtures/instances/instance.js', import.meta.url));

/** An instance of an application in a process of its own, from the built package. */
export class InstanceProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  /** @param mode what happens, as in test/fixtures/instances/instance.js */
  constructor(port: number, mode: string) {
    this.#process = spawn(process.execPath, [program, String(port), mode], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#exited = once(this.#process, 'close');
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.lines.push(line));
  }

  async said(line: string): Promise<void> {
    await eventually(() => this.lines.includes(line));
  }

  async ended(ms = patience): Promise<void> {
    await withTimeout(this.#exited, ms, () => `the end of the process, which said: ${this.lines.join('; ')}`);
  }

  stop(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop('SIGKILL');
    await this.#exited;
  }
}
