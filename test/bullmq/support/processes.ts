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
StreamTask({ app: 'test', name: 'once' })(Once);
StreamTask({ app: 'test', name: 'resumed', resumable: true })(Resumed);
class AppModule {}
const engine = bullmq({ connection: { host: '127.0.0.1', port }, prefix, lockDuration, stalledInterval });
Module({ imports: [StreamingModule.forRoot({ engine, http: false })], providers: [Once, Resumed] })(AppModule);
const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
app.enableShutdownHooks();
await app.init();
console.log('ready');
`;

export interface LeaseOptions {
  readonly lockDuration: number;
  readonly stalledInterval: number;
}

/** Instances of the application, each a process of its own. */
export class InstanceProcesses implements Disposable {
  readonly #installed = InstalledPackage.withBullmq();
  readonly #children = new Map<number, ChildProcess>();

  async start(server: RedisServer, prefix: string, leases: LeaseOptions): Promise<number> {
    const argument = JSON.stringify({ port: server.port, prefix, ...leases });
    const child = spawn(process.execPath, [this.#installed.write('instance.mjs', script), argument], {
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
