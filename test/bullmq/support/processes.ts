import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ShutdownOptions } from 'nestjs-streaming';
import { InstalledPackage } from '../../support/programs/installed.js';
import type { RedisServer } from '../../support/programs/redis.js';
import { eventually, patience, withTimeout } from '../../support/wait.js';

const program = fileURLToPath(new URL('../../fixtures/instances/member.js', import.meta.url));

export interface MemberOptions {
  /** Defaults of the package where nothing is said. */
  readonly lockDuration?: number;
  readonly stalledInterval?: number;
  /** Names of the task types that run there. */
  readonly run?: boolean | readonly string[];
  /** Where it listens. Default: nowhere. */
  readonly port?: number;
  readonly retention?: number;
  readonly shutdown?: ShutdownOptions;
  /** How many milliseconds its clock is ahead of the others. */
  readonly ahead?: number;
}

/** What a process is told. */
export interface SentOptions extends MemberOptions {
  /** The port of Redis. */
  readonly redis: number;
  readonly prefix: string;
}

/** One call of a handler, as the process said it. */
export interface HandlerCall {
  readonly name: string;
  readonly id: string;
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** An instance of the application, in a process of its own. */
export class MemberProcess {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(path: string) {
    this.#child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    this.#closed = once(this.#child, 'close');
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.lines.push(line));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when it runs tasks, and answers where it listens. */
  async begin(server: RedisServer, prefix: string, options: MemberOptions = {}): Promise<void> {
    await this.said('loaded');
    this.#child.send({ redis: server.port, prefix, ...options } satisfies SentOptions);
    await this.said('ready');
  }

  said(line: string): Promise<unknown> {
    return eventually(() => this.lines.includes(line));
  }

  get calls(): HandlerCall[] {
    return this.lines.flatMap((line) => {
      const [word, name = '', id = '', attempt, at] = line.split(' ');
      return word === 'ran' ? [{ name, id, attempt: Number(attempt), at: Number(at) }] : [];
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** All that it said has been read by then. */
  async ended(ms = patience): Promise<void> {
    await withTimeout(
      this.#closed,
      ms,
      () => `the end of a process that said: ${this.lines.slice(-5).join('; ')}`,
    );
  }
}

/** Instances of the application, each a process of its own. */
export class MemberProcesses implements Disposable {
  readonly #installed = InstalledPackage.withBullmq();
  readonly #path = this.#installed.write('member.mjs', readFileSync(program, 'utf8'));
  readonly all: MemberProcess[] = [];

  /** One that starts later: it loads the application meanwhile. */
  prepare(): MemberProcess {
    const member = new MemberProcess(this.#path);
    this.all.push(member);
    return member;
  }

  async start(server: RedisServer, prefix: string, options: MemberOptions = {}): Promise<MemberProcess> {
    const member = this.prepare();
    await member.begin(server, prefix, options);
    return member;
  }

  /** All calls of handlers of a task, in whichever process. */
  callsOf({ name, id }: { readonly name: string; readonly id: string }): HandlerCall[] {
    return this.all.flatMap(({ calls }) => calls.filter((call) => call.name === name && call.id === id));
  }

  async killAll(): Promise<void> {
    for (const member of this.all) member.signal('SIGKILL');
    await Promise.all(this.all.splice(0).map((member) => member.ended()));
  }

  [Symbol.dispose](): void {
    this.#installed[Symbol.dispose]();
  }
}
