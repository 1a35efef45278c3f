import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { InstalledPackage } from '../../support/programs/installed.js';
import type { RedisServer } from '../../support/programs/redis.js';
import { withTimeout } from '../../support/wait.js';

/** What an instance runs: each of its tasks says which process runs it. */
const script = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { StreamingModule, StreamTask } from 'nestjs-streaming';
import { bullmq } from 'nestjs-streaming/bullmq';

const { port, prefix, lockDuration, stalledInterval } = JSON.parse(process.argv[2]);
async function work(task) {
  const first = task.checkpoint ?? 0;
  await task.sendEvent('pid', { pid: process.pid, first });
  for (let n = first; n < task.input.events; n++) {
    void task.sendEvent('n', n);
    void task.saveCheckpoint(n + 1);
    await task.sleep(task.input.pause);
  }
  return process.pid;
}
class Once { process(task) { return work(task); } }
class Resumed { process(task) { return work(task); } }
class Flaky {
  process(task) {
    if (task.attempt < 3) throw new Error('not yet');
    return process.pid;
  }
}
StreamTask({ app: 'test', name: 'once' })(Once);
StreamTask({ app: 'test', name: 'resumed', resumable: true })(Resumed);
StreamTask({ app: 'test', name: 'flaky', attempts: 3, backoff: 600 })(Flaky);
class AppModule {}
const engine = bullmq({ connection: { host: '127.0.0.1', port }, prefix, lockDuration, stalledInterval });
Module({ imports: [StreamingModule.forRoot({ engine, http: false })], providers: [Once, Resumed, Flaky] })(AppModule);
const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
app.enableShutdownHooks();
await app.init();
console.log('ready');
`;

/** Loaded first, it sets the clock of a process. */
function clockAhead(ms: number): string {
  const code = `
    const now = Date.now;
    Date.now = () => now() + ${ms};
    globalThis.Date = class extends Date {
      constructor(...given) { super(...(given.length > 0 ? given : [Date.now()])); }
    };`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

export interface LeaseOptions {
  readonly lockDuration: number;
  readonly stalledInterval: number;
}

/** Instances of the application, each a process of its own. */
export class InstanceProcesses implements Disposable {
  readonly #installed = InstalledPackage.withBullmq();
  readonly #children = new Map<number, ChildProcess>();

  /** @param ahead how many milliseconds its clock is ahead of the others */
  async start(server: RedisServer, prefix: string, leases: LeaseOptions, ahead = 0): Promise<number> {
    const argument = JSON.stringify({ port: server.port, prefix, ...leases });
    const program = this.#installed.write('instance.mjs', script);
    const child = spawn(process.execPath, ['--import', clockAhead(ahead), program, argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    await withTimeout(once(lines, 'line'), 20_000, 'the start of an instance');
    this.#children.set(child.pid!, child);
    return child.pid!;
  }

  signal(pid: number, signal: NodeJS.Signals): void {
    this.#children.get(pid)?.kill(signal);
  }

  /** How it ends. */
  async exited(pid: number): Promise<number | null> {
    const child = this.#children.get(pid)!;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  async killAll(): Promise<void> {
    for (const [pid, child] of this.#children) {
      child.kill('SIGKILL');
      await this.exited(pid);
    }
    this.#children.clear();
  }

  [Symbol.dispose](): void {
    this.#installed[Symbol.dispose]();
  }
}
