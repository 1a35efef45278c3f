import { type ChildProcess, spawn } from 'node:child_process';
import { eventually } from '../../support/wait.js';

/** Stands behind all that a command has printed. */
const END = '== the end of a command ==\n';

export interface Command {
  readonly command: string;
  /** All that it prints. */
  readonly output: string;
}

/** What a block shows of a shell: commands behind `$ `, and below each what it printed. */
export function sessionOf(text: string): Command[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...output] = part.trimEnd().split('\n');
      return { command, output: output.join('\n') };
    });
}

/** A shell that is told one command after the other. */
export class Shell implements Disposable {
  readonly #child: ChildProcess;
  #printed = '';

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn('sh', [], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#printed += text));
    this.#child.stdin?.write('exec 2>&1\n');
  }

  /** Runs it to its end. The next one finds its exit code in `$?`. */
  async run(command: string): Promise<Command> {
    this.#printed = '';
    this.#child.stdin?.write(
      `{ ${command}\n} </dev/null; code=$?; printf '${END.trimEnd()}\\n'; (exit $code)\n`,
    );
    await eventually(() => {
      if (!this.#printed.endsWith(END)) throw new Error(`${command}\n${this.#printed}`);
    });
    return { command, output: this.#printed.slice(0, -END.length).trimEnd() };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
