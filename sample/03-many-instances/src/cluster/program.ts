import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What is wrong, in a line for whoever has started the sample. */
export class ClusterError extends Error {}

export interface ProgramPlace {
  readonly name: string;
  /** Names another place of it. */
  readonly variable: string;
  /** Where it may be beside the `PATH`. */
  readonly folders: readonly string[];
  /** How to get it. */
  readonly hint: string;
}

/** @throws ClusterError if it is not installed */
export function findProgram({ name, variable, folders, hint }: ProgramPlace): string {
  const named = process.env[variable] ?? '';
  if (named !== '') {
    if (isExecutable(named)) return named;
    throw new ClusterError(`${variable} is "${named}", which cannot be run`);
  }
  const found = [...(process.env['PATH'] ?? '').split(delimiter), ...folders]
    .map((folder) => join(folder, name))
    .find(isExecutable);
  if (found !== undefined) return found;
  throw new ClusterError(`This sample needs ${name}: ${hint}, or set ${variable} to where it is`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Ports of this machine on which nothing listens. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

const running = new Set<ChildProcess>();

// Whatever ends this process, its programs end with it.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Where its output goes: here, or to whoever reads it. Default: here. */
  readonly output?: 'inherit' | 'pipe';
  /** Whether it can send messages. */
  readonly ipc?: boolean;
}

/** A program that runs beside this process, and ends before it does. */
export class Program {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;

  constructor(
    command: string,
    args: readonly string[],
    { env = process.env, output = 'inherit', ipc = false }: ProgramOptions = {},
  ) {
    this.process = spawn(command, args, {
      env,
      stdio: ['ignore', output, output, ...(ipc ? (['ipc'] as const) : [])],
      // Ctrl+C is for this process alone: it ends the others in order, Redis last.
      detached: true,
    });
    running.add(this.process);
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        running.delete(this.process);
        resolve();
      };
      this.process.once('exit', end);
      // It could not be started.
      this.process.once('error', end);
    });
  }

  get isRunning(): boolean {
    return running.has(this.process);
  }

  /** Asks it to end, and ends it when it has not after `patience` milliseconds. */
  async stop(signal: NodeJS.Signals, patience = 15_000): Promise<void> {
    if (!this.isRunning) return;
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), patience);
    await this.ended;
    clearTimeout(timer);
  }
}

/** Tries until it is there, for ten seconds at most. */
export async function until(isThere: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    if (await isThere()) return;
    await delay(20);
  }
  throw new ClusterError(otherwise());
}
